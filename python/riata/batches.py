"""`fit_batch`: many paths or models in one call, whatever the problems have in common."""

from numbers import Integral

from riata.argument_names import native
from riata.batch_models import BatchModels
from riata.batch_result import BatchResult
from riata.many_calls import check_call, needs_call
from riata.paths import fit_targets
from riata.status import warn_of_problems
from riata_engine.batch import Interrupted


@native
def fit_batch(X, Y=None, *, loss="squared", columns=None, by=None, labels=None, weights=None, l1_ratio=1.0, alphas=100,
              alpha_min_ratio=None, offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
              standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, stop_dev_ratio=None, stop_dev_change=None, cv=None,
              stratify=None, seed=0, select=None, keep_predictions=False, n_threads=None, time_budget=None, max_memory=None,
              checkpoint=None, backend="cpu", progress=None) -> BatchResult:
    """Fit B regularisation paths, or B cross-validated models, in one call.

    What the problems have in common decides what is shared:

    ==========================================  =================  =====================================================
    X                                           Y                  problems
    ==========================================  =================  =====================================================
    one design (n, p)                           (n,) or (n, B)     a target, or a column of `weights`, each
    one design (n, p) with ``columns=``         (n,) or (n, B)     a set of columns each
    one table (n, p) with ``by=``               (n,), or a name    the rows of one label each, in order of appearance
    list of B designs (n_b, p_b)                list of B (n_b,)   a design and a target each
    array (B, n, p)                             (B, n)             the same, stacked
    iterator of (X, y) or (X, y, weights)       None               the same, read chunk by chunk
    ==========================================  =================  =====================================================

    None can spoil another: one that cannot be fitted has a status and a message, the rest are as they would be without it. The
    answers do not depend on threads, chunks or the order of the problems. With the same `solver` a path has, to the last bit, the
    answer that `fit_path` gives for it alone; a model, to the rounding of the sums over folds, that of `cross_validate_path` (and
    so do targets of one design that lack rows, whose sums are shared).

    A NaN in Y means that the problem lacks the row: it is fitted on the others. Targets of one design that lack the same rows
    share a Gram matrix, the whole one less that of these rows.

    Parameters
    ----------
    X, Y
        See above; each design as in `riata.fit_path`. The names of a table's columns are kept: ``result["name"]``. With `by`, Y
        may be the name of a column of X. A NaN in X is refused in one in-memory design; in a list, a stack, a group or an
        iterator (and in a window of a memory map) it is the `not_finite` status of that problem. So is an infinity in Y, but for
        whole paths on one design, and for a single target, where it is refused.
    columns : sequence of B slices, index arrays, masks or lists of names, optional
        The columns of one X that each problem has, none twice. Neighbouring columns are a view, others are copied chunk by
        chunk; of a memory map only what is asked for is read.
    by : array_like of shape (n,), or str, optional
        A label for each row of one long table, or the name of a column of it, which is then no feature.
    labels : sequence of B, optional
        Names of the problems, none twice: ``result["a"]``, or ``result.loc[2021]`` where they are numbers. Default: the labels
        of `by`, the names of Y's columns, or those of the Series in a list Y, where no name occurs twice.
    weights : array_like, or a list of B, optional
        Row weights, (n,) for all or (n, B) (a stack: (B, n)), a list where the problems have rows of their own. With one design,
        one target and B columns of weights (bootstraps, half samples) there are B problems on that target.
    offset, penalty_factor, lower, upper : optional
        As in `riata.fit_path`, for all problems, or a list with an entry (or None) for each. A list of numbers is one per row
        or feature for all problems; so give the entries of problems as arrays, ``[np.full(3, -1.0), None]``.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`, for all problems. For the logistic loss Y holds numbers from 0 to 1, or labels of two classes, the
        same for all problems; of an iterator numbers. A problem whose target the loss is not defined for is `skipped`, one that
        has one class only (in all rows, or in those that a fold trains on) `not_finite`, as its intercept would be; a message
        says why. In complete targets on one design, without `cv` and `select`, both are refused.
    l1_ratio : float or array_like of shape (B,), default=1.0
    alphas : int, array_like of shape (L,) or (B, L), or list of B arrays, default=100
        A number means a grid of its own for each problem.
    cv : int, splitter, pairs (train, test), fold ids (n,), or list of B arrays of fold ids, optional
        Choose an alpha for each problem by cross-validation. Folds of an int are those that `riata.cross_validate_path` makes of
        the problem alone, from `seed`. Fold ids (n,) are one per row of X, also with `by`. A splitter splits the rows that have a
        target; one that reads y makes folds for each target; a problem with too few rows for it is skipped. Every fold must
        train on all the rows that it does not hold out.
    stratify : int or False, optional
        With an int `cv`, for each problem as in `riata.cross_validate_path`: two classes are spread evenly over its folds, unless
        it is False; a number is one of quantile bins of its target.
    select : {"min", "1se", "aic", "bic", "ebic"}, optional
        The rule that chooses. Default: "min" with `cv`; without it whole paths are kept.
    keep_predictions : bool, default=False
        With `cv`: keep each problem's out-of-fold predictions at the alpha chosen.
    max_memory : float, optional
        Bytes beside X and the result. Default: half of what is free. More problems than fit are solved chunk by chunk.
    checkpoint : path, optional
        A folder that takes every finished chunk. The same call goes on where it was cut off, even by ``kill -9``; for another
        call the folder is refused.
    progress : True or callable, optional
        True: tqdm's bar, or a line on stderr. Else called as ``progress(done, total)``: in problems, at most 20 times a second
        (in (problem, alpha) pairs for paths on one design). `total` is None for an iterator.
    n_threads : int, optional
        Default (and −1): all cores that this process may use.
    time_budget : float, optional
        Seconds from the call; what is not done by then says so in its status. An iterator is read no further. The warning that
        tells of it loads scikit-learn, once a process.
    alpha_min_ratio, positive, intercept, standardize, solver, tol, max_epochs, stop_dev_ratio, stop_dev_change, backend
        As in `riata.fit_path`, for all problems. With `cv`, no stop_dev_ratio and stop_dev_change.

    Returns
    -------
    BatchResult
        Whole paths on one design.
    BatchPaths
        Whole paths of problems with rows or columns of their own (see `riata.batch_paths`).
    BatchModels
        One model for each problem, with `cv` or `select` (see `riata.batch_models`).

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    MemoryError
        If the answer cannot be held.
    OSError
        If a checkpoint cannot be written; what was finished is kept.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the batch as far as it went, the rest `skipped`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over the whole batch.

    Examples
    --------
    >>> import numpy as np, riata
    >>> rng = np.random.default_rng(0)
    >>> Xs = [rng.normal(size=(n, 3)) for n in (30, 40)]
    >>> ys = [X @ [1.0, 0.0, -1.0] for X in Xs]
    >>> models = riata.fit_batch(Xs, ys, cv=5, labels=["a", "b"])
    >>> models["b"].coef.round(2).tolist(), models.status.value_counts()
    ([1.0, 0.0, -1.0], {'converged': 2})
    """
    given = dict(locals())
    if isinstance(n_threads, Integral) and n_threads == -1:          # scikit-learn's word for all
        given["n_threads"] = None
    if not needs_call(given):
        return fit_targets(given)
    call = check_call(given)
    result, interrupted = call.run()
    if interrupted:
        stopped = Interrupted(None)
        stopped.result, stopped.args = result, ("interrupted; .result holds what is done",)
        raise stopped
    warn_of_problems(call.worst, stacklevel=3)
    return result


def concat(parts):
    """Several `riata.batch_models.BatchModels` as one, in their order.

    Raises
    ------
    ValueError
        If they were chosen by different rules, a label occurs twice, or only some have labels or predictions.
    TypeError
        If one is something else.
    """
    return BatchModels.concat(parts)
