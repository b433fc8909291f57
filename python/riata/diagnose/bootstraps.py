"""Bias and variance of one procedure on one data set: bootstraps of its rows, judged on those they did not draw."""

import numpy as np

from riata.argument_names import native
from riata.diagnose.decomposition import ERRORS, BiasVariance, decompose, replicate_variance
from riata.diagnose.task import check_task
from riata.folds import Folds
from riata.status import warn_of_unconverged
from riata.units import Units


@native
def bias_variance(X, y, *, loss="squared", estimator=None, l1_ratio=1.0, alpha="min", error=None, n_boot=200, truth=None,
                  noise=None, inner_cv=5, groups=None, stratify=None, seed=0, alphas=100, alpha_min_ratio=None, weights=None,
                  offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True, standardize=False,
                  solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None) -> BiasVariance:
    """Bias, variance and noise of a fit, by bootstraps of its rows.

    Each bootstrap predicts the rows that it did not draw; `decompose` says what is made of that. All fits are one batch.

    Parameters
    ----------
    X, y, loss, estimator, l1_ratio, alpha, inner_cv, groups, stratify, seed, alphas, alpha_min_ratio, weights, offset, \
penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, max_epochs, n_threads
        As in `riata.diagnose.learning_curve`. Rows of one group are drawn together. With a rule for alpha it is chosen anew in
        each bootstrap, whose rows that were drawn twice stay in one inner fold.
    error : {"squared", "zero_one"}, optional
        Of what is predicted: the mean of y (a probability, a count), or the class. Default: "zero_one" for classes.
    n_boot : int or ResamplingPlan, default=200
        As in `riata.bootstrap_path`.
    truth : array_like of shape (n,), optional
        The mean of y (the best class) at each row, of simulated data.
    noise : float, ndarray of shape (n,), or "replicates", optional
        Variance of y about its mean. "replicates": from rows of X that occur again (pure error).

    Returns
    -------
    BiasVariance

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.

    Notes
    -----
    One data set tells of others only by way of the bootstrap. The variance is that over bootstraps, which hold 63 % of the rows:
    it is too large where it falls with n. The bias is that of the mean of the bootstraps, whose own variance over data sets
    counts as bias². Simulated data sets, where they can be had, need neither (`decompose`).

    Examples
    --------
    >>> import numpy as np, riata.diagnose
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)); y = X[:, 0] + rng.normal(size=200)
    >>> parts = riata.diagnose.bias_variance(X, y, alpha=0.01, noise=1.0)
    >>> bool(parts.variance < 0.1 < parts.noise), bool(abs(parts.bias + parts.variance + parts.noise - parts.error) < 1e-12)
    (True, True)
    """
    arguments = dict(locals())
    task = check_task(arguments)
    return bootstrapped(task, X, n_boot, error, truth, noise, groups, seed, tol, stacklevel=3)


def bootstrapped(task, X, n_boot, error, truth, noise, groups, seed, tol, stacklevel):
    """`bias_variance` of a checked task."""
    given = task.given
    error = ("squared" if given.classes is None else "zero_one") if error is None else error
    if error not in ERRORS:
        raise ValueError(f"error = {error!r} must be 'squared' or 'zero_one'")
    if error == "zero_one" and given.classes is None:
        raise ValueError("error = 'zero_one' is for classes, and y has numbers: take 'squared', or loss='logistic' with labels")
    if error == "squared" and given.loss is None:
        raise ValueError("error = 'squared' is of numbers, and the estimator predicts classes: take 'zero_one'")
    noise = _variance(noise, X, given, error)
    units = Units(len(given.y), weights=given.weights, groups=groups, seed=seed)
    plan = units.bootstrap(n_boot)
    times = units.counts(plan)(0, len(plan)).T
    drawn = [np.repeat(np.arange(times.shape[1]), count.astype(np.intp)) for count in times]
    sets = Folds([np.flatnonzero(count == 0) for count in times], drawn)
    fits = task.fit(sets)
    if fits.gap is not None:
        warn_of_unconverged(fits.status, fits.gap, tol, 0, stacklevel=stacklevel + 1)
    said, unseen, y = fits.said(), times == 0, given.y
    unseen &= np.isfinite(said)
    if error == "zero_one":
        y = given.classes[y.astype(np.intp)]
        said = given.classes[(np.nan_to_num(said) if given.loss is None else said > 0.5).astype(np.intp)]
    return decompose(said, y, error=error, truth=truth, noise=noise, unseen=unseen, weights=given.weights,
                     model=f"{len(plan)} bootstraps, {task.model}")


def _variance(noise, X, given, error):
    """`noise` as `decompose` has it."""
    if not isinstance(noise, str):
        return noise
    if noise != "replicates":
        raise ValueError(f"noise = {noise!r} must be a number, a variance for each row, 'replicates', or None")
    if error == "zero_one":
        raise ValueError("noise = 'replicates' is of squared error: take error='squared', or give truth=, the best classes")
    rows = np.asarray(given.X.toarray() if hasattr(given.X, "toarray") else given.X)
    value, freedom = replicate_variance(rows, given.y, given.weights)
    if not freedom:
        raise ValueError("noise = 'replicates': no row of X occurs again. Give a variance, or leave noise out")
    return value

