"""Real data for the demonstration."""
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .fitting import Problem

SERUM = {"s1": "s1 (total cholesterol)", "s2": "s2 (LDL)", "s3": "s3 (HDL)", "s4": "s4 (cholesterol / HDL)",
         "s5": "s5 (log triglycerides)", "s6": "s6 (glucose)"}
SAME_CELL_LINE = ((34, 35, 36), (48, 49, 50))       # K562 and MCF7, each measured three times


def demo_problems(seed, cv=10):
    """The two problems of ``riata demo``, and a sentence where the second is a stand-in (else None)."""
    folder = nci60_folder()
    if folder is not None:
        return [diabetes(cv), nci60(folder, seed, cv)], None
    return [diabetes(cv), diabetes_interactions(cv)], (
        "NCI60 is not here (pip install --no-deps ISLP==0.6.0): the diabetes data with all products of up to four "
        "measurements stand in for it")


def diabetes(cv=10):
    """Disease progression of 442 patients, ten measurements (Efron et al., Least angle regression, 2004)."""
    from sklearn.datasets import load_diabetes
    data = load_diabetes(scaled=False)
    names = [SERUM.get(name, name) for name in data.feature_names]
    return Problem("diabetes", "disease progression", data.data, data.target, names, cv=cv,
                   notes=["442 patients, ten measurements at the start; the target is disease progression a year later "
                          "(Efron, Hastie, Johnstone and Tibshirani, Annals of Statistics 32, 2004)."])


def diabetes_interactions(cv=10):
    """The diabetes data with every product of up to four standardised measurements: 442 × 1000."""
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    base = diabetes(cv)
    products = PolynomialFeatures(degree=4, include_bias=False)
    X = np.asfortranarray(products.fit_transform(StandardScaler().fit_transform(base.X)))
    short = [name.split(" ")[0] for name in base.feature_names]
    return Problem("diabetes-interactions", base.target, X, base.y, list(products.get_feature_names_out(short)), cv=cv,
                   notes=["The diabetes data with every product of up to four of the ten standardised measurements."])


def nci60_folder():
    """Where the ISLP package keeps its data, None where it is not installed. The package is found, not imported."""
    spec = find_spec("ISLP")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / "data"
        if (folder / "NCI60data.npy").is_file() and (folder / "NCI60labs.csv").is_file():
            return folder
    return None


def nci60(folder, seed=0, cv=10):
    """Melanoma or not, from the expression of 6830 genes in 64 cell lines (Ross et al., Nature Genetics 24, 2000).

    A 0/1 target fitted by least squares. Each tumour type is dealt out evenly over the folds. Three measurements of
    one cell line (K562, and MCF7) share a fold, or a held-out row would have had its twin in the training rows.
    """
    X = np.load(Path(folder) / "NCI60data.npy", allow_pickle=False)
    lines = (Path(folder) / "NCI60labs.csv").read_text(encoding="utf-8").splitlines()[1:]
    labels = np.array([line.strip().strip('"') for line in lines if line.strip()])
    if X.ndim != 2 or X.shape[0] != labels.size:
        raise ValueError(f"{folder}: NCI60data.npy has shape {X.shape}, NCI60labs.csv {labels.size} labels")
    y = (labels == "MELANOMA").astype(np.float64)
    return Problem("NCI60", "melanoma", X, y, [f"gene {j + 1}" for j in range(X.shape[1])],
                   cv=_dealt_folds(labels, SAME_CELL_LINE, cv, seed),
                   notes=[f"64 cancer cell lines, expression (log ratio) of 6830 genes; the target is 1 for the "
                          f"{int(y.sum())} melanoma lines, else 0. Genes have no names in this source: gene 1 is its "
                          "first column (Ross et al., Nature Genetics 24, 2000, as in James et al., An Introduction to "
                          "Statistical Learning).",
                          "Folds hold every tumour type evenly; repeated measurements of one cell line (K562, MCF7) "
                          "share a fold."],
                   alpha_min_ratio=1e-3)            # at 1e-2 the minimum is the grid's end, or three alphas before it


def _dealt_folds(labels, together, k, seed):
    """Fold ids: like cards, the rows are dealt label by label in shuffled order; rows of one tuple get one fold."""
    unit = np.arange(labels.size)
    for rows in together:
        unit[list(rows)] = rows[-1]
    units = np.unique(unit)
    shuffled = units[np.random.default_rng(seed).permutation(units.size)]
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold_of = np.empty(labels.size, dtype=np.intp)
    fold_of[dealt] = np.arange(dealt.size) % k
    return fold_of[unit]
