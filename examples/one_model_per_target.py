"""One elastic net per target in one call: each pixel of the lower half of a handwritten digit from the pixels of the upper half.

`riata.fit_batch` fits all 32 paths on the shared X; BIC chooses an alpha for each target; digits that took no part are scored.
"""

import numpy as np
from sklearn.datasets import load_digits

import riata

TRAIN = 1300


def main():
    pixels = load_digits().data                                   # 1797 digits of 8 × 8 pixels, row by row
    X, Y = pixels[:, :32], pixels[:, 32:]
    batch = riata.fit_batch(X[:TRAIN], Y[:TRAIN], l1_ratio=0.5, alphas=50)

    scores = np.full(len(batch), np.nan)
    print("pixel  alpha   features  R² on new digits")
    for pixel, path in enumerate(batch):
        if path.null_deviance == 0:                               # a pixel that is always blank
            continue
        alpha = path.alphas[np.nanargmin(path.bic)]
        new = Y[TRAIN:, pixel]
        error = new - path.predict(X[TRAIN:], alpha=alpha)
        if new.var() > 0:
            scores[pixel] = 1 - np.mean(error**2) / new.var()
        print(f"{32 + pixel:5d}  {alpha:6.3f}  {int(path.df[path.at(alpha)]) - 1:8d}  {scores[pixel]:9.3f}")
    print(batch)
    print(f"median R² {np.nanmedian(scores):.3f}")
    return batch, scores


if __name__ == "__main__":
    main()
