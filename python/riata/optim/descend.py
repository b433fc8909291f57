"""The one call: gradient descent on a linear model, or on a batch of them."""

from numbers import Real

import numpy as np

from riata.argument_names import native
from riata.feature_groups import check_feature_groups
from riata.losses import Loss, check_loss, classes_of
from riata.optim.optimizers import check_optimizer
from riata.optim.result import DescentResult, History
from riata.optim.schedules import check_schedule
from riata.validation import (
    MOST_EPOCHS,
    MOST_THREADS,
    check_count,
    check_design,
    check_flag,
    check_l1_ratio,
    check_number,
    check_seed,
    check_weights,
)
from riata_engine.batch import LOSS, STATUS, Interrupted
from riata_engine.descent import ENDED, KINKED, LOSSES, Descent, squares
from riata_engine.descent import descend as run
from riata_engine.random import permutation

__all__ = ["descend"]

#: losses of labels ±1
MARGINS = ("hinge", "squared_hinge", "modified_huber", "perceptron")
#: losses of a tube, whose number is its half width
TUBES = ("epsilon_insensitive", "squared_epsilon_insensitive")
#: stream of the rows of validation
HELD = 1 << 62 | 22
ADAPTIVE = ("adagrad", "rmsprop", "adam", "adamw")
#: optimisers whose memory of a row's slope outlives an epoch
KEEPING = ("sag", "saga", "centralvr")


@native
def descend(X, y, *, loss="squared", alpha=0.0, l1_ratio=0.0, groups=None, optimizer="auto", step="auto", schedule="fixed",
            batch_size="auto", epochs=100, shuffle=True, weights=None, intercept=True, average=False, clip=None, dropout=0.0,
            validation=None, tol=None, patience=5, restore_best=True, epsilon=0.1, start=None, seed=0, n_threads=None,
            time_budget=None) -> DescentResult:
    """Fit a linear model by gradient descent, whole epochs in compiled code, with its history and a certificate.

    Minimises over b0 and b

        Σ_i w_i ℓ(y_i, b0 + x_iᵀb) / Σ_i w_i + alpha·( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2·‖b‖₂² )

    by steps on the mean gradients of mini-batches; the penalty is taken by its proximal step, so that coefficients become exactly
    zero. With `groups` the 1-norm is Σ_g √|g|·‖b_g‖₂. Several targets, or several alphas, are a batch: one look at the rows for
    all.

    Parameters
    ----------
    X : ndarray, scipy.sparse matrix, or table, of shape (n, p)
        float32 and float64 are kept. Dense X that is not by rows (C order) is copied once, sparse X goes by CSR.
    y : array_like of shape (n,) or (n, B)
        Target; for "logistic" and the losses of a margin two classes, if (n, B) as 0 and 1.
    loss : str or riata.losses.Loss, default="squared"
        A loss of `riata.fit_path`, or "hinge", "squared_hinge", "modified_huber", "perceptron", "epsilon_insensitive",
        "squared_epsilon_insensitive".
    alpha : float or array_like of shape (B,), default=0.0
    l1_ratio : float in [0, 1], default=0.0
    groups : optional
        Labels of the features' groups (p,), as in `riata.fit_group_path`. For "sgd", "momentum", "nesterov", "sag", "saga",
        "svrg", "centralvr".
    optimizer : str or one of riata.optim's classes, default="auto"
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "sag", "saga", "svrg", "centralvr". "auto":
        "centralvr", which converges at a constant step size, where steps and schedule are left as they are, mini-batches are not
        all rows, the loss has no kink, and X is dense, without dropout, averaging or clipping; else "sgd". The last four keep a
        number for each row and problem.
    step : float, array_like of shape (B,) or "auto", default="auto"
        Step size (learning rate). "auto" takes it from the expected smoothness of a mini-batch (Gower et al. 2019): 1/L for all
        rows at once, 1/(2 L) for mini-batches (times 1 − beta1 with a momentum), 1/(3 L) for "sag", "saga", "svrg" and
        "centralvr" (where its steps are divided by curvature, at most 50·batch_size/n); the adaptive ones have 0.01 ("adagrad")
        or 0.001. Where it diverges (the losses with a log link have no L) the run begins again with a quarter.
    schedule : str or one of riata.optim's classes, default="fixed"
        "fixed", "inverse_scaling", "cosine", "one_cycle", "step", "exponential"; "armijo" for "sgd" with all rows in a batch.
    batch_size : int, None or "auto", default="auto"
        Rows of a step; None: all. More than there are is a ValueError. "auto": 256, or all where there are fewer.
    epochs : int, default=100
    shuffle : bool, default=True
        Whether each epoch goes by an order of its own: a function of `seed` and the epoch. Rows next to each other go together,
        in blocks of up to 32 and 8 kB, where X is larger than a megabyte; of sparse X its entries count.
    weights : array_like of shape (n,), optional
    intercept : bool, default=True
        Never penalised.
    average : bool or int, default=False
        Return the mean of the iterates (Polyak & Juditsky 1992) from this step on; True: from the second epoch.
    clip : float, optional
        Largest norm of a gradient; longer ones are scaled down.
    dropout : float in [0, 1), default=0.0
        Rate at which inputs are set to zero while learning, the others divided by 1 − rate: by the masks of
        `riata.functional.dropout`, over the entries of X. Not with "sag" and "saga". The certificate is that of the objective
        above, without it.
    validation : float in (0, 1), array_like of row numbers, or callable, optional
        Rows that are not learnt from: their loss is in the history. Or ``validation(coef, intercept)``, a loss of your own after
        each epoch, of coefficients (p,) and a number; of a batch (B, p) and (B,), for a loss (B,) or one for all.
    tol : float, optional
        Stop after `patience` epochs in which the validation loss (without: the objective) was not below the best by `tol`. None:
        never.
    patience : int, default=5
    restore_best : bool, default=True
        Whether the coefficients with the least validation loss are returned.
    epsilon : float, default=0.1
        Half width of the tube of the losses that have one.
    start : (coef, intercept), optional
    seed : int in [0, 2**64), default=0
    n_threads, time_budget
        As in `riata.fit_path`. Threads take problems of a batch.

    Returns
    -------
    DescentResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If a run diverged: its best coefficients are kept.

    References
    ----------
    Bottou, Curtis and Nocedal (2018), Optimization methods for large-scale machine learning. SIAM Review 60.
    Gower et al. (2019), SGD: general analysis and improved rates. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.optim import descend
    >>> X = np.arange(20.0).reshape(10, 2) % 7
    >>> fit = descend(X, X @ [1.0, -2.0] + 3, batch_size=None, optimizer="nesterov", epochs=2000)
    >>> fit.coef.round(6).tolist(), round(float(fit.intercept), 6)
    ([1.0, -2.0], 3.0)
    """
    problem, measure, classes, single = prepared(locals())
    try:
        answers = run(problem)
    except Interrupted as stopped:
        stopped.solution = result_of(stopped.solution, problem, measure, classes, single)
        raise
    return result_of(answers, problem, measure, classes, single, warn=True)


def prepared(given):
    """(Descent, loss, classes, whether it is one problem) of the arguments of `descend`."""
    X, squared = _design(given["X"])
    n, p = X.shape
    loss = given["loss"]
    plain = isinstance(loss, str) and loss in LOSSES and loss not in LOSS
    measure = loss if plain else check_loss(loss)
    Y, classes, single = _target(given["y"], n, measure)
    alpha = _each(given["alpha"], "alpha", 0.0, low_open=False)
    single = single and np.ndim(given["alpha"]) == 0 and (isinstance(given["step"], str) or np.ndim(given["step"]) == 0)
    schedule = check_schedule(given["schedule"])
    step = given["step"] if isinstance(given["step"], str) else _each(given["step"], "step", 0.0, low_open=True)
    if isinstance(step, str) and step != "auto":
        raise ValueError(f"step = {step!r} must be 'auto' or a number above 0")
    B = _count(Y.shape[1], alpha, step)
    asked = given["validation"] if callable(given["validation"]) else None
    held = _held(None if asked else given["validation"], n, given["seed"])
    learnt = n - len(held)
    batch = {"None": learnt, "auto": min(256, learnt)}.get(str(given["batch_size"]))
    if batch is None:
        batch = check_count(given["batch_size"], "batch_size", learnt)
    optimizer = given["optimizer"]
    if isinstance(optimizer, str) and optimizer == "auto":
        plain_steps = (given["clip"] is None and given["dropout"] == 0 and given["average"] is False and
                       schedule.name == "fixed" and isinstance(step, str))
        reduced = plain_steps and batch < learnt and isinstance(X, np.ndarray) and measure not in KINKED
        optimizer = "centralvr" if reduced else "sgd"
    optimizer = check_optimizer(optimizer)
    if schedule.name == "armijo" and (optimizer.name != "sgd" or batch < learnt or given["clip"] is not None):
        raise ValueError(f"schedule = 'armijo' looks at all rows before a step: it goes with optimizer='sgd' and "
                         f"batch_size=None, without clip; got optimizer={optimizer.name!r}, batch_size={given['batch_size']!r}")
    if given["dropout"] and optimizer.name in KEEPING:
        raise ValueError(f"dropout with optimizer = {optimizer.name!r}: it keeps slopes of rows that dropout has changed since. "
                         "Use 'svrg', 'sgd' or another that keeps none")
    if given["groups"] is not None and optimizer.name in ADAPTIVE:
        raise ValueError(f"groups with optimizer = {optimizer.name!r}: a group has no common step size there. Use 'sgd', "
                         "'momentum', 'nesterov', 'sag', 'saga', 'svrg' or 'centralvr'")
    weights = check_weights(given["weights"], n)
    if weights is not None and not np.delete(weights, held).any():
        raise ValueError("weights are 0 on all rows but those of validation: none is left to learn from")
    average = given["average"]
    if isinstance(average, (bool, np.bool_)):
        average = learnt // batch if average else -1
    else:
        average = check_count(average, "average", 2**31)
    start = given["start"]
    if start is not None:
        start = (np.asarray(start[0], float), np.asarray(start[1], float))
        if start[0].shape[-1:] != (p,) or not all(np.isfinite(part).all() for part in start):
            raise ValueError(f"start = (coef, intercept) must be finite, with coef of shape ({p},): got shape {start[0].shape}")
    parameter = check_number(given["epsilon"], "epsilon", 0.0, high_open=True) if measure in TUBES else 0.0
    if isinstance(measure, Loss):
        parameter = measure.parameter if measure.parameter is not None else LOSS[measure.name].default or 0.0
    budget = given["time_budget"]
    problem = Descent(
        X, Y, measure if plain else measure.name, np.broadcast_to(alpha, B).copy(), np.full(B, check_l1_ratio(given["l1_ratio"])),
        np.arange(B) if Y.shape[1] == B else np.zeros(B, np.intp), parameter=float(parameter), weights=weights,
        groups=_groups(given["groups"], p), intercept=check_flag(given["intercept"], "intercept"), step=step, batch_size=batch,
        epochs=check_count(given["epochs"], "epochs", MOST_EPOCHS), shuffle=check_flag(given["shuffle"], "shuffle"),
        seed=check_seed(given["seed"], "the order of the rows is"),
        clip=0.0 if given["clip"] is None else check_number(given["clip"], "clip", 0.0, low_open=True, high_open=True),
        dropout=check_number(given["dropout"], "dropout", 0.0, 1.0, high_open=True), average_from=average, held=held,
        patience=check_count(given["patience"], "patience", MOST_EPOCHS),
        tol=-np.inf if given["tol"] is None else check_number(given["tol"], "tol", 0.0, high_open=True),
        restore=check_flag(given["restore_best"], "restore_best"), start=start,
        measure=(lambda coef, intercept: asked(coef[0], float(intercept[0]))) if asked and single and B == 1 else asked,
        n_threads=None if given["n_threads"] is None else check_count(given["n_threads"], "n_threads", MOST_THREADS),
        time_budget=None if budget is None else check_number(budget, "time_budget", 0.0, low_open=True),
        squares=squared, **optimizer.settings, **schedule.settings)
    return problem, measure, classes, single and B == 1


def result_of(answers, problem, measure, classes, single, warn=False):
    """The `DescentResult` of the engine's answers."""
    status = np.array([(*ENDED, *STATUS)[code] for code in answers.status])
    if problem.time_budget is not None:
        status[status == "interrupted"] = "time_budget"
    lost = int(np.count_nonzero(status == "diverged"))
    one = (lambda values: values[0]) if single else (lambda values: values)
    history = {name: values[0][:answers.n_epochs[0]] if single else values for name, values in answers.history.items()}
    setting = {"optimizer": problem.optimizer, "schedule": problem.schedule, "batch_size": problem.batch_size,
               "beta1": problem.beta1, "rows": problem.X.shape[0] - len(problem.held)}
    result = DescentResult(one(answers.coef), one(answers.intercept), History(**history), str(status[0]) if single else status,
                           int(answers.n_epochs[0]) if single else answers.n_epochs, one(answers.objective), one(answers.gap),
                           one(answers.absolute_gap), one(answers.step), answers.smoothness, measure, classes, setting)
    if warn and lost:
        import warnings

        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(f"{lost} of {len(status)} runs diverged: {result.message}. Give a smaller step (riata.optim.diagnose "
                      "suggests one), or step='auto'", ConvergenceWarning, stacklevel=4)
    return result


def _design(X):
    """Finite X, and the squared norms of its rows and columns where these told so."""
    if hasattr(X, "tocsr"):
        matrix = X.tocsr()
        if matrix.dtype not in (np.float32, np.float64):
            matrix = matrix.astype(np.float64)
        if min(matrix.shape) and np.isfinite(matrix.data).all():
            return matrix, None
    found = []

    def finite(matrix):
        if not isinstance(matrix, np.ndarray) or not matrix.flags.c_contiguous:
            return False
        found.append(squares(matrix))
        return np.isfinite(found[0][0]).all()

    return check_design(X, finite=finite)[0], found[0] if found else None


def _target(y, n, measure):
    """(Y (n, T), classes or None, whether y has one axis)."""
    name = measure if isinstance(measure, str) else measure.name
    labels = np.asarray(y)
    if labels.ndim not in (1, 2) or len(labels) != n:
        raise ValueError(f"y has shape {labels.shape}, X has {n} rows: give one value for each row, (n,), or "
                         "a column for each problem")
    classes = None
    if name == "logistic" or name in MARGINS:
        if labels.ndim == 1:
            codes, classes = classes_of(labels)
        elif np.isin(labels, (0, 1)).all():
            codes = labels.astype(float)
        else:
            raise ValueError(f"y of shape {labels.shape} has labels other than 0 and 1: encode each column first")
        Y = codes if name == "logistic" else 2 * codes - 1
    else:
        Y = np.asarray(labels, dtype=np.float64)
        if not np.isfinite(Y).all():
            raise ValueError("y has NaN or infinite values: drop these rows")
        if isinstance(measure, Loss):
            measure.check(Y)
    return Y.reshape(n, -1), classes, labels.ndim == 1


def _each(values, name, low, low_open):
    """One number, or an array (B,) of them, as (1,) or (B,)."""
    if isinstance(values, Real):
        return np.array([check_number(values, name, low, low_open=low_open, high_open=True)])
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}: give a number, or one for each problem, (B,)")
    for value in values.tolist():
        check_number(value, name, low, low_open=low_open, high_open=True)
    return values


def _count(targets, alpha, step):
    sizes = {"y": targets, "alpha": len(alpha), "step": 1 if isinstance(step, str) else len(step)}
    B = max(sizes.values())
    wrong = {name: size for name, size in sizes.items() if size not in (1, B)}
    if wrong:
        raise ValueError(f"a batch of {B} problems: " + ", ".join(f"{name} has {size}" for name, size in wrong.items())
                         + f"; each must be 1 or {B}")
    return B


def _held(validation, n, seed):
    if validation is None:
        return np.zeros(0, np.int32)
    if isinstance(validation, Real) and not isinstance(validation, bool):
        share = check_number(validation, "validation", 0.0, 1.0, low_open=True, high_open=True)
        count = round(share * n)
        if not 1 <= count < n:
            raise ValueError(f"validation = {validation!r} of {n} rows leaves {count} rows for validation and {n - count} to "
                             "learn from: both must have one at least")
        return np.sort(permutation(n, check_seed(seed, "the rows of validation are"), HELD)[:count]).astype(np.int32)
    rows = np.asarray(validation)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows) or rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"validation must be a share of the rows in (0, 1), or numbers of rows from 0 to {n - 1}, "
                         "or a function of (coef, intercept)")
    rows = np.unique(rows).astype(np.int32)
    if len(rows) == n:
        raise ValueError("validation names all rows: none is left to learn from")
    return rows


def _groups(groups, p):
    if groups is None:
        return None
    members, _ = check_feature_groups(groups, p)
    return np.concatenate(members), np.append(0, np.cumsum([len(group) for group in members]))
