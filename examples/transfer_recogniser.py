"""A recogniser of printed Chinese and English text as the backbone of other tasks: where it helps, and where it hurts.

The network is PP-OCRv4's recogniser, an ONNX file inside the wheel of rapidocr-onnxruntime (Apache-2.0), which is not imported:
``make models``, or ``pip install --no-deps rapidocr-onnxruntime==1.4.4`` and ``pip install "riata[onnx]"``. It has not seen the
handwritten digits of scikit-learn. Its last layer but one gives 120 numbers for each eighth of a picture's width; their means are
the features. On them and on the raw pixels the same head is fitted, a ridge path with cross-validation.

"which digit" is what it was made for: strokes that make a character. "much ink" asks whether a digit has more ink than the median
one. That is a sum of pixels, and a reader of text has learned not to care: thick and thin strokes are the same letter.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from riata.plot_style import PALETTE, new_axes, styled
from riata.transfer import OnnxBackbone, extract_features, fit_head

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "transfer.png"
LAYER = "transpose_51.tmp_0"                                 # (rows, steps, 120): what the matrix of the characters is applied to
MISSING = "the recogniser is not here: run `make models`, or pip install --no-deps rapidocr-onnxruntime==1.4.4"


def model_file():
    """The recogniser's file, or None where its package is not installed."""
    package = importlib.util.find_spec("rapidocr_onnxruntime")
    files = [] if package is None else sorted(Path(package.submodule_search_locations[0]).glob("models/*_rec_*.onnx"))
    return files[0] if files else None


def as_text(images):
    """(n, 8, 8) of ink in [0, 1] -> (n, 3, 48, 48) as the recogniser takes it: black on white, with a margin, in [-1, 1]."""
    ink = np.pad(zoom(images, (1, 4, 4), order=1), ((0, 0), (8, 8), (8, 8)))
    return np.repeat(1 - 2 * ink[:, None], 3, axis=1)


def accuracies(features, labels, per_class, repeats):
    """Accuracy on all other rows of a head fitted on `per_class` rows of each class, one for each repeat."""
    out = []
    for seed in range(repeats):
        order = np.random.default_rng(seed).permutation(len(labels))
        train = np.concatenate([order[labels[order] == c][:per_class] for c in np.unique(labels)])
        test = np.setdiff1d(order, train)
        # the features are there already: each row is its own
        head = fit_head(lambda rows: rows, features[train], labels[train], cv=min(5, per_class), alphas=20)
        out.append(np.mean(head.predict(features[test]) == labels[test]))
    return np.array(out)


def main(counts=(3, 10, 30), repeats=5, images=1797, image=IMAGE):
    """{(task, features, images per class): accuracies}, and a picture of them unless ``image`` is None."""
    path = model_file()
    if path is None:
        print(MISSING)
        return None
    X, digit = load_digits(return_X_y=True)
    spread = np.arange(images) * len(X) // images                 # over all writers, who come one after the other
    X, digit = X[spread] / 16, digit[spread]
    backbone = OnnxBackbone(path, LAYER, preprocess=as_text, postprocess=lambda steps: steps.mean(axis=1))
    print(backbone)
    features = {"raw pixels": X, "recogniser": extract_features(backbone, X.reshape(-1, 8, 8), batch_size=64)}
    ink = X.sum(axis=1)
    tasks = {"which digit": digit, "much ink": (ink > np.median(ink)).astype(int)}
    found = {}
    for task, labels in tasks.items():
        for per_class in counts:
            for name, values in features.items():
                scores = found[task, name, per_class] = accuracies(values, labels, per_class, repeats)
                print(f"{task:>11}, {per_class:3d} images per class, {name:>10}: accuracy {scores.mean():.3f} "
                      f"± {standard_error(scores):.3f}")
    if image is not None:
        draw(found, tasks, features, counts, image)
    return found


def standard_error(scores):
    """Of the mean over repeats."""
    return scores.std(ddof=1) / np.sqrt(len(scores))


@styled
def draw(found, tasks, features, counts, image):
    """Accuracy against images per class; bars are standard errors."""
    axes = new_axes(6.4, 3.8)
    for task, style in zip(tasks, ("-", "--"), strict=True):
        for name, colour in zip(features, PALETTE, strict=False):
            scores = [found[task, name, per_class] for per_class in counts]
            axes.errorbar(counts, [s.mean() for s in scores], [standard_error(s) for s in scores], color=colour, linestyle=style,
                          marker="o", markersize=4, label=f"{task}: {name}")
    axes.set_xscale("log")
    axes.set_xticks(counts, labels=[str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("images per class")
    axes.set_ylabel("accuracy on the other images")
    axes.set_title("A text recogniser as backbone, for two tasks")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.figure.savefig(image, dpi=160)


if __name__ == "__main__":
    main(*sys.argv[1:])
