"""The alpha that a rule chooses for each of many problems, and the columns of the models there."""

import numpy as np

from riata import information
from riata.columns import begins, spread
from riata.cv_choice import choose_each, standard_error
from riata.losses import SQUARED
from riata.many_solve import CONVERGED, SKIPPED
from riata.status import MEANING, OVERFLOW, UNDERFLOW, worse, worst
from riata_engine.batch import STATUS

NOT_FITTED = [STATUS.index(name) for name in ("not_finite", "time_budget", "skipped")]
NOT_FINITE, TIME_BUDGET = STATUS.index("not_finite"), STATUS.index("time_budget")
#: deviances below have lost digits
SMALLEST = float(np.finfo(np.float64).tiny)
NO_CRITERION = ("the criterion is NaN at every alpha: every fit has as many parameters as rows; select='min' with cv goes by "
                "cross-validation")
NO_ERROR = "no alpha has a finite held-out error in every fold"


def criterion(store, rule, intercept, loss=SQUARED):
    """(B, L) of an information criterion."""
    common = store["dev_ratio"], store["null_deviance"][:, None], store["df"], store["n_samples"][:, None]
    if rule == "ebic":
        return information.ebic(*common, store["n_features"][:, None], intercept=intercept, loss=loss.name)
    return getattr(information, rule)(*common, loss=loss.name)


def held_out(store):
    """(mean, se), each (B, L): of held-out mean deviances over the folds of each problem, NaN where one is missing."""
    B, L = store["alphas"].shape
    mean, se = np.full((2, B, L), np.nan)
    for K in np.unique(store["n_folds"]):
        if K:
            members = np.flatnonzero(store["n_folds"] == K)
            errors = store["held_out"][spread(store["held_out_at"][members], np.full(len(members), K * L))] \
                if len(members) < B else store["held_out"]
            errors = errors.reshape(len(members), K, L)
            mean[members], se[members] = errors.mean(axis=1), standard_error(errors, axis=1)
    return mean, se


def models_of(store, rule, intercept, keep_predictions=False, loss=SQUARED):
    """The store of one model for each problem from the store of the paths.

    Parameters
    ----------
    store : dict
        Of `riata.many_solve.solve_chunk`; with folds where it has ``held_out``.
    rule : {"min", "1se", "aic", "bic", "ebic"}
    intercept : bool
        Whether df counts one.
    keep_predictions : bool
        Take the predictions of the held-out rows at the choice.
    loss : Loss
    """
    B, L = store["alphas"].shape
    each = np.arange(B)
    alphas, folded = np.where(np.isnan(store["alphas"]), -np.inf, store["alphas"]), "held_out" in store
    null = store["null_deviance"]
    unfitted = np.isin(store["status"], NOT_FITTED)
    underflow = (null < SMALLEST) & (store["dev_ratio"] > 0).any(axis=1)
    beyond = underflow | np.isinf(null)                # of such squares nothing can be compared
    unfitted |= beyond[:, None]
    at_min = at_1se = np.full(B, -1)
    mean = se = np.full((B, L), np.nan)
    if folded:
        mean, se = held_out(store)
        # every alpha of every fold has a part in the choice
        of_folds = worst(np.where(store["status"] == SKIPPED, CONVERGED, store["fold_status"]))
        mean[unfitted] = np.nan
        mean[(store["n_folds"] > 0) & (of_folds == TIME_BUDGET)] = np.nan                 # cut off in the middle: none is made
        at_min, at_1se = choose_each(mean, se, alphas)
    if rule in ("min", "1se"):
        at = at_min if rule == "min" else at_1se
    else:
        score = criterion(store, rule, intercept, loss)
        score[(null == 0)[:, None] & (store["status"] == CONVERGED)] = 0.0                # nothing to explain: the null model
        score[unfitted] = np.nan
        at = choose_each(score, np.full((B, L), np.nan), alphas)[0]
    chosen = at >= 0

    def there(values, where=at):
        return np.where(where >= 0, values[each, where], np.nan)

    status = np.where(chosen, store["status"][each, at], worst(store["status"]))
    if folded:
        status = np.where(store["n_folds"] > 0, worse(status, of_folds), status)
    status = np.where(beyond, NOT_FINITE, status)
    message = store["message"].copy()                  # what it says of other alphas does not matter here
    message[underflow], message[np.isinf(null)] = UNDERFLOW, OVERFLOW
    unchosen = ~chosen & (status == CONVERGED)
    message[unchosen] = NO_CRITERION if rule not in ("min", "1se") else NO_ERROR
    status = np.where(unchosen, SKIPPED, status).astype(np.int8)
    message[(status == CONVERGED) & np.isin(message, list(MEANING.values()))] = ""
    for b in np.flatnonzero((status != CONVERGED) & (message == "")):
        message[b] = MEANING[STATUS[status[b]]]
    p = store["n_features"]
    dense = store["coef"][spread((store["coef_at"][:-1] + np.maximum(at, 0) * p)[chosen], p[chosen])]
    nonzero = dense != 0
    sizes = np.zeros(B, np.int64)
    ends = begins(p[chosen])
    counts = np.concatenate([[0], np.cumsum(nonzero)])
    sizes[chosen] = counts[ends[1:]] - counts[ends[:-1]]
    column = np.arange(len(dense)) - np.repeat(ends[:-1], p[chosen])
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(null > 0, 1.0 - there(mean) / null, np.nan)
    out = {"status": status, "message": message, "alpha": there(store["alphas"]), "alpha_min": there(store["alphas"], at_min),
           "alpha_1se": there(store["alphas"], at_1se), "l1_ratio": store["l1_ratio"], "intercept": there(store["intercept"]),
           "gap": there(store["gap"]), "df": there(store["df"]), "dev_ratio": there(store["dev_ratio"]), "null_deviance": null,
           "n_samples": store["n_samples"], "n_features": p, "n_passes": store["n_passes"],
           "n_epochs": store["n_epochs"].sum(axis=1, dtype=np.int64), "seconds": store["seconds"],
           "cv_score": there(mean), "cv_se": there(se), "cv_r2": r2,
           "indptr": begins(sizes), "indices": column[nonzero].astype(np.int32), "data": dense[nonzero]}
    if keep_predictions:
        rows = store["n_rows"] if "prediction" in store else np.zeros(B, np.int64)
        has = np.diff(store["prediction_at"]) > 0
        out["prediction"] = np.full(int(rows.sum()), np.nan)
        out["prediction_at"] = at_rows = begins(rows)
        members = np.flatnonzero(has & chosen)
        row = spread(np.zeros(len(members), np.int64), rows[members])
        out["prediction"][spread(at_rows[members], rows[members])] = store["prediction"][
            np.repeat(store["prediction_at"][members] + at[members], rows[members]) + L * row]
        out["prediction"] = loss.response(out["prediction"])
    return out
