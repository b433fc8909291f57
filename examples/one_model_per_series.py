"""One model for each series of a panel in one call: sales of many products, each with a history, gaps and a season of its own.

`riata.fit_batch` takes the long table and the labels of its rows. Each product gets an elastic net on its own lags, weekday and
price, chosen by cross-validation; a missing sale leaves its row out; too little history gets a sentence, not an error.
"""

import numpy as np

import riata

LAGS, AHEAD = 14, 28


def panel(products, days=(120, 400), seed=0):
    """Rows of (product, features, sales): lags of the sales, weekdays, price; and the names of the features."""
    rng = np.random.default_rng(seed)
    labels, designs, sales = [], [], []
    for k in range(products):
        n = int(rng.integers(*days)) + LAGS if k else LAGS + 3           # the first product is new
        price = np.repeat(rng.uniform(0.8, 1.2, n // 7 + 1), 7)[:n]
        week = rng.normal(scale=0.5, size=7)[np.arange(n) % 7]
        y = np.zeros(n)
        for t in range(n):
            past = 0.5 * y[t - 1] + 0.2 * y[t - 7] if t >= 7 else 0.0
            y[t] = past + week[t] - 2 * (price[t] - 1) + rng.normal(scale=0.4)
        lags = np.column_stack([y[LAGS - lag:n - lag] for lag in range(1, LAGS + 1)])
        weekday = np.eye(7)[np.arange(LAGS, n) % 7]
        designs.append(np.column_stack([lags, weekday, price[LAGS:]]))
        sales.append(y[LAGS:])
        labels += [f"product{k}"] * (n - LAGS)
    names = [f"lag{lag}" for lag in range(1, LAGS + 1)] + [f"day{d}" for d in range(7)] + ["price"]
    return np.array(labels), np.concatenate(designs), np.concatenate(sales), names


def main(products=60):
    labels, X, y, names = panel(products)
    last = np.zeros(len(y), bool)                                        # the last days of each product are for scoring
    for label in dict.fromkeys(labels):
        rows = np.flatnonzero(labels == label)
        last[rows[-AHEAD:] if len(rows) > AHEAD else []] = True
    missing = np.random.default_rng(1).random(len(y)) < 0.02             # sales that were not recorded
    history = np.where(missing, np.nan, y)[~last]

    models = riata.fit_batch(X[~last], history, by=labels[~last], l1_ratio=0.5, cv=5, select="1se")
    print(models.summary())

    scores = []
    for model in models:
        if np.isnan(model.intercept):
            continue
        rows = last & (labels == model.label)
        if rows.any():
            scores.append(1 - np.mean((y[rows] - model.predict(X[rows])) ** 2) / y[rows].var())
    used = models.n_selected[models.status == "converged"]
    weights = np.abs(models[models.status == "converged"].coef_matrix()).mean(axis=0)
    print("most used:", ", ".join(names[j] for j in np.argsort(-weights)[:3]))
    print(f"median R² one day ahead {np.median(scores):.3f}, median features {np.median(used):.0f} of {len(names)}")
    return models, scores


if __name__ == "__main__":
    main()
