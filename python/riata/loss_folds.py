"""Folds as a loss wants them: two classes spread evenly, and none that leaves only one of them to train on."""

import numpy as np

from riata.folds import make_folds


def are_classes(y, loss):
    """Whether an int `cv` spreads the values of y, of rows that count, evenly: 0 and 1 under the logistic loss."""
    return loss.name == "logistic" and bool(((y == 0) | (y == 1)).all())


def loss_folds(given, cv, *, stratify=None, spread=True, weights=None, name="cv", **options):
    """`riata.folds.make_folds` for checked `Arguments`: the one rule of `riata.cross_validate_path` and of what goes by it.

    `stratify` is the caller's: None (strata of two classes, unless `spread` is False), False (none), or a number of quantile
    bins. `weights` stand in for those of `given`. Other options are those of `make_folds`.

    Raises
    ------
    ValueError, TypeError
        As `make_folds`, and for folds that leave nothing to fit (`check_trained_folds`).
    """
    weights = given.weights if weights is None else weights
    may_spread = spread and given.classes is not None
    spread = spread and stratify is not False and are_classes(given.y if weights is None else given.y[weights > 0], given.loss)
    folds = make_folds(cv, len(given.y), y=given.y, X=given.X, weights=weights, stratify=None if stratify is False else stratify,
                       strata=given.y if spread else None, name=name, **options)
    remedy = "leave stratify at its default with an int cv, or give" if may_spread else "give"
    check_trained_folds(given.y, weights, given.loss, given.classes, folds, name, remedy)
    return folds


def check_trained_folds(y, weights, loss, classes, folds, name="cv", remedy="give"):
    """Refuse folds whose training rows leave a loss without a minimum: of one class, or all counts 0.

    Raises
    ------
    ValueError
        Naming the fold. The remedy begins with `remedy`.
    """
    counted = np.ones(len(y), bool) if weights is None else weights > 0
    for value, other in ends(loss, y):
        other = other & counted
        for k, test in enumerate(folds.test):
            if folds.train is None:
                held_out = np.zeros(len(y), bool)
                held_out[test] = True
                left = (other & ~held_out).any()
            else:
                left = other[folds.train[k]].any()
            if not left:
                label = value if classes is None else classes[value]
                what = f"{remedy} folds that train on rows of both kinds"
                if other.sum() == 1:
                    what = (f"row {int(other.argmax())} alone is of another kind: give more such rows, or fold ids with -1 for "
                            "it, which no fold holds out")
                raise ValueError(f"y is {label!s} in every training row of fold {k} of {name}, where the {loss.name} loss has "
                                 f"no minimum: {what}")


def ends(loss, y):
    """[(value, where y is another)]: a target that is the value in all rows that count has no fit."""
    if loss.link == "log":
        return [(0, y > 0)]
    return [(0, y > 0), (1, y < 1)] if loss.link == "logit" else []
