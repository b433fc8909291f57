"""Which door of the engine fits a loss under a penalty: one table, and what is said of a pair that none fits."""

from dataclasses import dataclass, field

import numpy as np

from riata.feature_groups import check_feature_groups, check_group_factors
from riata.losses import check_loss
from riata.slope import check_sequence
from riata.status import status_names, worst
from riata.validation import check_box, check_penalty_factor
from riata_engine.batch import LOSS, Batch
from riata_engine.concave import LEAST_GAMMA, ConcaveBatch, solve_concave
from riata_engine.groups import GroupBatch, solve_groups
from riata_engine.margins import LOSSES
from riata_engine.slope import SlopeBatch, solve_slope

from ._certified import DEFAULT_MAX_EPOCHS, solve_certified
from ._margins import fit_margins
from ._multinomial import fit_multinomial
from ._parameters import InvalidParameterError
from ._two_stage import adaptive_or_plain

#: Newton steps of ``max_iter=None``
MOST_STEPS = 1000
#: penalty -> the share of its l1 part where ``l1_ratio`` is None
SHARES = {None: 0.0, "l1": 1.0, "l2": 0.0, "elasticnet": 0.5, "adaptive": 1.0, "group": 0.0, "sparse_group": 0.5, "mcp": 1.0,
          "scad": 1.0, "slope": 1.0}
#: penalties that have no ``l1_ratio``
SHARE_FIXED = (None, "l1", "l2", "group", "slope")
#: penalty -> gamma where it is None
GAMMAS = {"adaptive": 1.0, "mcp": 3.0, "scad": 3.7}
LEAST = {"adaptive": 0.0, **LEAST_GAMMA}


@dataclass
class Fit:
    """What a door gives: coefficients (B, p) and intercepts (B,) of B problems, their certificates, and attributes of its own."""

    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: str
    n_iter: int
    own: dict = field(default_factory=dict)


def elastic_net(model, X, Y, weights, share):
    loss = model.loss_
    lower, upper = check_box(model.lower, model.upper, model.positive, X.shape[1])
    solution = solve_certified(
        type(model).__name__,
        Batch(X, Y, weights=weights, l1_ratio=share, alphas=alphas_of(model), lower=lower, upper=upper,
              penalty_factor=check_penalty_factor(model.penalty_factor, X.shape[1]), standardize=standardized(model),
              n_threads=threads(model), **settings(model), **loss.settings))
    counts = solution.n_epochs if loss.name == "squared" else solution.n_cholesky
    return fit_of(solution, counts)


def margins(model, X, Y, weights, share):
    given = {name: getattr(model, name) for name in ("quantile", "epsilon") if hasattr(model, name)}
    solution = fit_margins(
        type(model).__name__, X, Y, loss=model.loss_, alphas=alphas_of(model), l1_ratio=share, weights=weights,
        intercept=bool(model.fit_intercept), intercept_scaling=None, tol=float(model.tol),
        max_iter=MOST_STEPS if model.max_iter is None else int(model.max_iter), n_threads=threads(model), **given)
    return fit_of(solution, solution.n_iter)


def multinomial(model, X, codes, weights, share):
    fits = fit_multinomial(
        X, codes, len(model.classes_), alphas_of(model), share, weights, intercept=bool(model.fit_intercept),
        penalty_factor=check_penalty_factor(model.penalty_factor, X.shape[1]), standardize=standardized(model),
        tol=float(model.tol), max_epochs=most_epochs(model), n_threads=threads(model), owner=type(model).__name__)
    return Fit(fits.coef[0], fits.intercept[0], fits.gap, str(fits.status[0]), int(fits.n_epochs[0]))


def groups(model, X, Y, weights, share):
    members, names = check_feature_groups(model.groups, X.shape[1])
    batch = GroupBatch(X, Y, members, check_group_factors(model.penalty_factor, members), sparsity=share, weights=weights,
                       alphas=alphas_of(model), standardize=standardized(model), n_threads=threads(model), **settings(model))
    solution = solve_certified(type(model).__name__, batch, door=solve_groups)
    coef = solution.coefficients(0, 0)
    selected = [name for name, group in zip(names, members, strict=True) if coef[0, group].any()]
    return Fit(coef, solution.intercept[0, 0], solution.gap[0], str(status_names(solution.status[0])[0]),
               int(solution.n_epochs[0, 0]), {"selected_groups_": selected})


def concave(model, X, Y, weights, share):
    batch = ConcaveBatch(X, Y, weights=weights, l1_ratio=share, alphas=alphas_of(model), penalty=model.penalty,
                         gamma=gamma_of(model), penalty_factor=check_penalty_factor(model.penalty_factor, X.shape[1]),
                         standardize=standardized(model), n_threads=threads(model), **settings(model))
    solution = solve_certified(type(model).__name__, batch, door=solve_concave)
    fit = fit_of(solution, solution.n_epochs)
    fit.own = {"kkt_": float(solution.kkt[0, 0]), "curvature_": float(solution.curvature[0, 0])}
    return fit


def slope(model, X, Y, weights, share):
    rows = X.shape[0] if weights is None else np.count_nonzero(weights)
    sequence = check_sequence(model.sequence, model.q, X.shape[1], rows)
    batch = SlopeBatch(X, Y, weights=weights, alphas=alphas_of(model), sequence=sequence, standardize=standardized(model),
                       n_threads=threads(model), **settings(model))
    solution = solve_certified(type(model).__name__, batch, door=solve_slope)
    fit = fit_of(solution, solution.n_epochs)
    fit.own = {"sequence_": sequence}
    return fit


def adaptive(model, X, Y, weights, share):
    path = adaptive_or_plain(
        X, Y[:, 0], model.initial, gamma=gamma_of(model), l1_ratio=share, alphas=alphas_of(model), weights=weights,
        penalty_factor=model.penalty_factor, lower=model.lower, upper=model.upper, positive=model.positive,
        intercept=bool(model.fit_intercept), standardize=standardized(model), tol=float(model.tol),
        max_epochs=most_epochs(model), n_threads=threads(model))
    if not np.isfinite(path.intercept[0]):
        raise ValueError(f"{type(model).__name__}: the fit gave no coefficients ({path.status[0]}). Very large or very small "
                         "values in X or y do this: scale them first.")
    return Fit(path.coef, path.intercept, path.gap, str(path.status[0]), int(path.n_epochs[0]),
               {"initial_coef_": path.initial_coef, "penalty_factor_": path.penalty_factor})


ELASTIC_NET = (None, "l1", "l2", "elasticnet")
#: kind of loss -> penalty -> its door
DOORS = {
    "squared": {**dict.fromkeys(ELASTIC_NET, elastic_net), "adaptive": adaptive, "group": groups, "mcp": concave, "scad": concave,
                "slope": slope, "sparse_group": groups},
    "smooth": dict.fromkeys(ELASTIC_NET, elastic_net),
    "margin": dict.fromkeys(ELASTIC_NET, margins),
    "multinomial": dict.fromkeys(ELASTIC_NET, multinomial),
}
#: what a door takes beside alpha, an intercept and weights
SCALED = ("penalty_factor", "standardize")
TAKES = {elastic_net: (*SCALED, "lower", "upper", "positive"), adaptive: (*SCALED, "lower", "upper", "positive"), groups: SCALED,
         concave: SCALED, slope: ("standardize",), margins: (), multinomial: SCALED}
#: values that ask for nothing
NOTHING = {"penalty_factor": None, "lower": None, "upper": None, "positive": False, "standardize": None}


def loss_of(owner, loss, labels):
    """(loss, kind) of the argument ``loss``: a `riata.losses.Loss`, or the name of a margin loss.

    ``labels`` says whether the target holds classes.
    """
    of_margins = [name for name, (of_labels, _) in LOSSES.items() if of_labels == labels]
    if isinstance(loss, str) and loss in of_margins:
        return loss, "margin"
    known = not isinstance(loss, str) or loss in LOSS
    loss = check_loss(loss) if known else loss
    wrong = not known or (labels and loss.link != "logit")
    if wrong:
        names = [name for name, row in LOSS.items() if not labels or row.link == "logit"]
        raise InvalidParameterError(
            f"The 'loss' parameter of {owner} must be one of {', '.join(map(repr, [*names, *of_margins]))}, or a "
            f"riata.losses.Loss{' whose link is the logit' * labels}. Got {getattr(loss, 'name', loss)!r} instead.")
    return loss, "squared" if loss.name == "squared" else "smooth"


def door_of(model, kind):
    """The door for a model's loss, of a kind, and its penalty.

    Raises
    ------
    InvalidParameterError
        If there is none, naming the penalties that the loss has, and the losses that the penalty has; or if the model asks for
        something that the door does not know.
    """
    owner, penalty = type(model).__name__, model.penalty
    name = getattr(model.loss_, "name", model.loss_)
    named = penalty is None or isinstance(penalty, str)
    if not named or penalty not in SHARES:
        raise InvalidParameterError(f"The 'penalty' parameter of {owner} must be one of {_listed(SHARES)}. Got {penalty!r} "
                                    "instead.")
    if penalty not in DOORS[kind]:
        raise InvalidParameterError(
            f"{owner}: no solver fits loss={name!r} with penalty={penalty!r}. loss={name!r} goes with the penalties "
            f"{_listed(DOORS[kind])}; penalty={penalty!r} goes with loss='squared'"
            f"{' of PenalizedRegressor' * hasattr(model, 'class_weight')}.")
    door = DOORS[kind][penalty]
    for what, nothing in NOTHING.items():
        value = getattr(model, what)
        asked = value is not None and value is not False
        if asked and what not in TAKES[door]:
            with_what = f"loss={name!r} (several classes)" if kind == "multinomial" else f"loss={name!r}"
            raise InvalidParameterError(f"{owner}: {what} is not available for {with_what} with penalty={penalty!r}: leave it at "
                                        f"{nothing!r}.")
    return door


def share_of(model):
    """The share of the l1 part of a model's penalty."""
    if model.l1_ratio is None or model.penalty in SHARE_FIXED:
        return SHARES[model.penalty]
    share = float(model.l1_ratio)
    if share == 0 and model.penalty in LEAST_GAMMA:
        raise InvalidParameterError(f"l1_ratio = 0 leaves nothing of penalty={model.penalty!r}: give more than 0, or "
                                    "penalty='l2'.")
    return share


def gamma_of(model):
    least = LEAST[model.penalty]
    gamma = GAMMAS[model.penalty] if model.gamma is None else model.gamma
    if not least < gamma < np.inf:
        raise InvalidParameterError(f"The 'gamma' parameter of {type(model).__name__} must be a finite number above {least:g} "
                                    f"for penalty={model.penalty!r}. Got {gamma!r} instead.")
    return float(gamma)


def alphas_of(model):
    return np.array([0.0 if model.penalty is None else float(model.alpha)])


def standardized(model):
    return model.penalty in LEAST_GAMMA if model.standardize is None else bool(model.standardize)


def most_epochs(model):
    return DEFAULT_MAX_EPOCHS if model.max_iter is None else int(model.max_iter)


def threads(model):
    return None if model.n_jobs is None or model.n_jobs < 0 else int(model.n_jobs)


def settings(model):
    return {"intercept": bool(model.fit_intercept), "tol": float(model.tol), "max_epochs": most_epochs(model)}


def fit_of(solution, counts):
    """The `Fit` of a solution at one alpha."""
    coef = solution.coef
    rows = coef[:, 0] if isinstance(coef, np.ndarray) else np.vstack([own[[0]].toarray() for own in coef])
    status = status_names(worst(solution.status[:, :1], axis=0))[0]
    return Fit(rows, solution.intercept[:, 0], solution.gap[:, 0], str(status), int(counts[:, 0].max()))


def _listed(penalties):
    return ", ".join(map(repr, penalties))
