"""How many unrelated problems are to be solved: the arguments that they share, and those that each has of its own, checked."""

from dataclasses import dataclass, field, replace
from numbers import Integral, Real

import numpy as np

from riata.arguments import RIDGE_MIN_RATIO, check_settings
from riata.information import LIKELIHOODS
from riata.losses import SQUARED, Loss, check_loss
from riata.many_folds import FoldsOfEach
from riata.validation import (
    check_alphas,
    check_box,
    check_flag,
    check_l1_ratio,
    check_l1_ratio_each,
    check_number,
    check_penalty_factor,
)

#: rules that choose an alpha from held-out errors, and from an information criterion
BY_FOLDS, BY_CRITERION = ("min", "1se"), ("aic", "bic", "ebic")


@dataclass
class Rules:
    """Checked arguments of a batch of unrelated problems.

    Attributes
    ----------
    B : int or None
        Number of problems; None for an iterator.
    settings : dict
        Keywords of the engine's `Ragged` that all share.
    select : str or None
        The rule that chooses an alpha; None keeps whole paths.
    folds : FoldsOfEach or None
    keep_predictions : bool
    L : int
        The largest number of alphas.
    loss : Loss
    classes : ndarray of shape (2,), or None
        The labels that 0 and 1 stand for.
    """

    B: int | None
    settings: dict
    l1_ratio: object = 1.0
    count: int | None = 100
    alphas: np.ndarray | None = None
    back: np.ndarray | None = None
    n_alphas: np.ndarray | None = None
    alpha_min_ratio: float | None = None
    features: dict = field(default_factory=dict)
    positive: bool = False
    select: str | None = None
    folds: FoldsOfEach | None = None
    keep_predictions: bool = False
    has_offset: bool = False
    loss: Loss = SQUARED
    classes: np.ndarray | None = None
    boxes: dict = field(default_factory=dict, repr=False)

    @property
    def L(self):
        return self.count if self.alphas is None else self.alphas.shape[-1]

    @property
    def ragged_lengths(self):
        return self.n_alphas is not None

    @property
    def stops(self):
        """Whether paths may end early because the caller asked for it."""
        return self.settings["stop_dev_ratio"] is not None or self.settings["stop_dev_change"] is not None

    @property
    def plain(self):
        """Whether problems of few features go as tasks of one compiled loop."""
        squared = self.loss.name == "squared"
        return (not self.has_offset and not self.features and not self.positive and not self.settings["standardize"]
                and self.settings["solver"] in ("auto", "gram") and (not squared or bool(np.all(np.asarray(self.l1_ratio) > 0)))
                and (not squared or self.alphas is None or bool(np.all(self.alphas[np.isfinite(self.alphas)]))))

    def lengths(self, first, count):
        """(count,) numbers of alphas of the problems from `first` on."""
        return np.full(count, self.L) if self.n_alphas is None else self.n_alphas[first:first + count]

    def l1_ratios(self, first, count):
        """(count,) mixing parameters."""
        if isinstance(self.l1_ratio, float):
            return np.full(count, self.l1_ratio)
        return self.l1_ratio[first:first + count]

    def grid(self, first, members, L):
        """Given alphas (B, L) of some problems and the way back to their order; (None, None) for grids that are derived."""
        if self.alphas is None:
            return None, None
        if self.alphas.ndim == 1:
            return np.broadcast_to(self.alphas, (len(members), L)), self.back
        rows = first + members
        return self.alphas[rows, :L], None if self.back is None else self.back[rows, :L]

    def of(self, numbers):
        """The rules of some problems, numbered anew from 0."""
        def those(values):
            return values if values is None or np.ndim(values) < 1 else values[numbers]

        features = {name: (kind, [value[b] for b in numbers] if kind == "each" else value)
                    for name, (kind, value) in self.features.items()}
        two = self.alphas is not None and self.alphas.ndim == 2
        return replace(self, B=len(numbers), l1_ratio=those(self.l1_ratio), n_alphas=those(self.n_alphas), features=features,
                       alphas=those(self.alphas) if two else self.alphas, back=those(self.back) if two else self.back)

    def min_ratios(self, n, p, l1_ratio):
        """(B,) last alpha of each derived grid over its first."""
        if self.alpha_min_ratio is not None:
            return np.full(len(n), self.alpha_min_ratio)
        return np.where(l1_ratio == 0, RIDGE_MIN_RATIO, np.where(n > p, 1e-3, 1e-2))

    def of_features(self, first, members, p):
        """penalty_factor, lower and upper of some problems: lists, or None."""
        if not self.features and not self.positive:
            return {}
        out = {"penalty_factor": [], "lower": [], "upper": []}
        shared = all(kind == "all" and np.ndim(value) == 0 for kind, value in self.features.values())     # by width alone
        for b, width in zip(first + members, p, strict=True):
            factor, lower, upper = (self._of(name, b) for name in out)
            key = int(width) if shared else None
            made = self.boxes.get(key)
            if made is None:
                try:
                    made = (check_penalty_factor(factor, int(width)), *check_box(lower, upper, self.positive, int(width)))
                except ValueError as error:
                    raise ValueError(f"problem {b}: {error}") from None
                if key is not None:
                    self.boxes[key] = made
            for name, value in zip(out, made, strict=True):
                out[name].append(value)
        return {name: values if any(value is not None for value in values) else None for name, values in out.items()}

    def check_sizes(self, n, p, one_design):
        """Refuse values per feature, and fold ids, that do not fit the (B,) rows and columns of all problems.

        A list of as many numbers as there are problems and features could mean either; on one design it is per feature, as in
        `riata.fit_path`.

        Raises
        ------
        ValueError
        """
        wide = np.flatnonzero(p > 0)                   # a problem without columns is skipped
        if not any(kind == "each" for kind, _ in self.features.values()):
            wide = wide[np.unique(p[wide], return_index=True)[1]]
        for name, (kind, value) in self.features.items():
            if kind == "all" and not one_design and isinstance(value, (list, tuple)) and 1 < len(value) == len(p) == p.max():
                raise ValueError(f"{name} is a list of {len(value)} numbers, for {len(p)} problems and as many features: give "
                                 "an array (p,) for one per feature, or a list of arrays for values of each problem")
            if kind == "all" and isinstance(value, (list, tuple)) and 1 < len(value) == len(p) and (p[wide] != len(value)).any():
                b = int(wide[np.argmax(p[wide] != len(value))])
                raise ValueError(f"{name} is a list of {len(value)} numbers, for {len(p)} problems, and X of problem {b} has "
                                 f"{p[b]} columns: numbers are one per feature. For one number per problem give arrays, "
                                 f"[np.full({p[b]}, {value[0]!r}), ...], or put None for a problem without")
        for b in wide:
            self.of_features(int(b), np.zeros(1, np.intp), p[b:b + 1])
        if self.folds is not None:
            self.folds.check_sizes(n)

    def _of(self, name, b):
        kind, value = self.features.get(name, ("all", None))
        return value[b] if kind == "each" else value


def check_rules(given, B, default_select="min"):
    """`Rules` from the arguments of `riata.fit_batch`, its ``locals()``, for B problems (None: an iterator).

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and the remedy.
    """
    shared = dict.fromkeys(("offset", "penalty_factor", "lower", "upper")) | {"positive": False, "progress": None}
    settings = check_settings(1, 1, {**given, **shared})
    if settings.pop("backend") != "cpu":
        raise ValueError(f"backend = {given['backend']!r} must be 'cpu'")
    for name in (*shared, "alpha_min_ratio", "time_budget"):
        settings.pop(name, None)
    keep = check_flag(given["keep_predictions"], "keep_predictions")
    cv, select = given["cv"], given["select"]
    if select is None and cv is not None:
        select = default_select
    if select is not None and select not in (*BY_FOLDS, *BY_CRITERION):
        raise ValueError(f"select = {select!r} must be one of {', '.join(map(repr, (*BY_FOLDS, *BY_CRITERION)))}, or None")
    if select in BY_FOLDS and cv is None:
        raise ValueError(f"select = {select!r} chooses by held-out errors: give cv, a number of folds, or select by 'bic'")
    if keep and cv is None:
        raise ValueError("keep_predictions=True keeps the predictions of held-out rows: give cv, a number of folds")
    loss = check_loss(given["loss"])
    if select in BY_CRITERION and loss.name not in ("squared", *LIKELIHOODS):
        raise ValueError(f"select = {select!r} goes by a likelihood, and the {loss.name} loss has none without a dispersion: "
                         "select 'min' or '1se', with cv")
    rules = Rules(B, settings, select=select, keep_predictions=keep, loss=loss, classes=given.get("classes"))
    if cv is not None:
        if isinstance(cv, (bool, np.bool_, str)) or (isinstance(cv, Real) and not isinstance(cv, Integral)):
            raise TypeError(f"cv = {cv!r} must be an int, a scikit-learn splitter, or fold ids for each problem")
        if rules.stops:
            name = "stop_dev_ratio" if settings["stop_dev_ratio"] is not None else "stop_dev_change"
            raise ValueError(f"{name} = {given[name]!r} ends a path early, and a cross-validation compares whole ones: leave "
                             "it out")
        rules.folds = FoldsOfEach(cv, given["seed"], B, loss, _check_stratify(given["stratify"], cv))
    rules.l1_ratio = check_l1_ratio(given["l1_ratio"]) if B is None or np.ndim(given["l1_ratio"]) == 0 \
        else check_l1_ratio_each(given["l1_ratio"], B)
    _check_alphas(rules, given["alphas"])
    ratio = given["alpha_min_ratio"]
    if ratio is not None:
        if rules.alphas is not None:
            raise ValueError(f"alpha_min_ratio = {ratio!r} shapes a grid that is derived, and alphas are given: leave one of "
                             "them out, or give alphas as an int, a number of alphas")
        rules.alpha_min_ratio = check_number(ratio, "alpha_min_ratio", 0.0, 1.0, low_open=True, high_open=True)
    rules.positive = check_flag(given["positive"], "positive")
    for name in ("penalty_factor", "lower", "upper"):
        if given[name] is not None:
            kind, value = one_or_each(given[name], name, B)
            if B is None and (kind == "each" or np.ndim(value)):
                raise ValueError(f"{name} is given per feature, and X is an iterator: give a number, or X as a list")
            rules.features[name] = kind, value
    return rules


def _check_stratify(stratify, cv):
    if stratify is None or stratify is False:
        return stratify
    if not isinstance(cv, Integral):
        raise ValueError(f"stratify = {stratify!r} works with an int cv only; a splitter stratifies by itself")
    if isinstance(stratify, (bool, np.bool_)) or not isinstance(stratify, Integral) or stratify < 2:
        raise ValueError(f"stratify = {stratify!r} must be None, False, or the number of quantile bins of each target, 2 or more")
    return int(stratify)


def one_or_each(value, name, B):
    """("all", value) for one value that all problems share, ("each", list of B) for a list with an entry for each.

    A list of arrays (or None) and an array (B, k) have an entry for each.
    """
    if isinstance(value, np.ndarray) and value.dtype != object:
        each = value.ndim == 2
    else:
        each = isinstance(value, (list, tuple, np.ndarray)) and any(item is None or np.ndim(item) for item in value)
    if not each:
        return "all", value
    if B is None:
        raise ValueError(f"{name} has an entry for each problem, and X is an iterator of unknown length: give X as a list")
    if len(value) != B:
        raise ValueError(f"{name} has {len(value)} entries for {B} problems: give one for each, or one that all share")
    return "each", list(value)


def _check_alphas(rules, alphas):
    if isinstance(alphas, (list, tuple)) and any(row is None or isinstance(row, (list, tuple, np.ndarray)) for row in alphas):
        for b, row in enumerate(alphas):
            if not hasattr(row, "__len__") or isinstance(row, str) or any(np.ndim(value) for value in row):
                raise ValueError(f"alphas[{b}] = {row!r}, and alphas is a list with an entry for each problem: give each an "
                                 "array (L_b,), or all of them a number of alphas")
        lengths = np.array([len(row) for row in alphas])
        if rules.B is not None and len(alphas) != rules.B:
            raise ValueError(f"alphas has {len(alphas)} entries for {rules.B} problems: give an array (L_b,) for each, or one "
                             "array (L,) that all share")
        if rules.B is not None and len(alphas) == rules.B and (lengths != lengths[0]).any():
            _check_ragged_alphas(rules, alphas, lengths)
            return
        alphas = np.stack([np.asarray(row) for row in alphas]) if (lengths == lengths[0]).all() else alphas
    if rules.B is None and np.ndim(alphas) == 2:
        raise ValueError("alphas has two dimensions, and X is an iterator: give (L,), or X as a list")
    grid = check_alphas(alphas, rules.B)
    rules.count, rules.alphas, rules.back = grid.count, grid.alphas, grid.back


def _check_ragged_alphas(rules, alphas, lengths):
    if not lengths.all():
        raise ValueError(f"alphas[{int(np.argmin(lengths))}] is empty; give each problem at least one alpha")
    values, back = np.full((len(alphas), lengths.max()), np.nan), np.zeros((len(alphas), lengths.max()), np.intp)
    for b, row in enumerate(alphas):
        try:
            grid = check_alphas(row if isinstance(row, np.ndarray) else list(row))
        except ValueError as error:
            raise ValueError(f"problem {b}: {error}") from None
        values[b, :lengths[b]] = grid.alphas
        back[b, :lengths[b]] = np.arange(lengths[b]) if grid.back is None else grid.back
    rules.count, rules.alphas, rules.back, rules.n_alphas = None, values, back, lengths
