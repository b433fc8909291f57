"""Bias, variance and noise: the parts of an expected error, from what many models say of the same rows."""

import warnings
from dataclasses import dataclass

import numpy as np

from riata.class_labels import distinct, label_array
from riata.plots_diagnose import plot_decomposition
from riata.tables import dataframe, vector
from riata.validation import check_number, check_target, check_weights

#: standard errors below zero from which a bias² is not that of chance
BEYOND = 3
ERRORS = ("squared", "zero_one")
LABELS = {"squared": "squared error", "zero_one": "misclassification error"}


@dataclass(eq=False, repr=False)
class BiasVariance:
    """The parts of an expected error; they add up to `error` exactly.

    Attributes
    ----------
    kind : {"squared", "zero_one"}
    error : float
        Mean over the rows of the mean error of the models that have not seen the row.
    bias, variance, noise, cross : float
        Squared error: bias² + variance + noise + cross. NaN where bias and noise cannot be told apart (see `bias_and_noise`);
        `cross`, which is 0 but with `truth`, is twice the mean product of noise and bias, of expectation 0.
        0–1 loss: bias + variance + noise, where `variance` is the net one.
    bias_and_noise : float
        error − variance (− cross): what remains of the error if the models are averaged (put to the vote).
    unbiased_variance, biased_variance : float
        0–1 loss: `variance` is the first, of rows whose main prediction is right, less the second, of the others, where to
        deviate from it helps (Domingos 2000). NaN for squared error.
    se : dict
        Standard error of each part over the rows, as if these were independent: not of the draws of the models.
    per_row : dict of ndarrays of shape (n,)
        The same of every row; NaN where fewer than two models say something.
    main : ndarray of shape (n,)
        Main predictions: means, or majority votes.
    n_models : integer array of shape (n,)
        How many say something of each row.
    noise_source : str
        Where the noise is from.
    model : str
    """

    kind: str
    error: float
    bias: float
    variance: float
    noise: float
    cross: float
    bias_and_noise: float
    unbiased_variance: float
    biased_variance: float
    se: dict
    per_row: dict
    main: np.ndarray
    n_models: np.ndarray
    noise_source: str
    model: str = ""

    @property
    def score_label(self):
        return LABELS[self.kind]

    @property
    def parts(self):
        """The parts that add up to `error`, as a dict: bias and noise apart where they are known."""
        known = np.isfinite(self.bias)
        name = "bias²" if self.kind == "squared" else "bias"
        parts = {name: self.bias} if known else {f"{name} + noise": self.bias_and_noise}
        parts["variance"] = self.variance
        if known:
            parts["noise"] = self.noise
        if self.cross:
            parts["cross"] = self.cross
        return parts

    @property
    def shares(self):
        """`parts` over `error`."""
        return {name: value / self.error if self.error > 0 else np.nan for name, value in self.parts.items()}

    def to_frame(self):
        """One row per part: value, standard error, share of the error.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        parts = {**self.parts, "error": self.error}
        shares = {**self.shares, "error": 1.0}
        values, errors, of_error = (np.array([of[name] for name in parts]) for of in (parts, self.se, shares))
        return dataframe({"part": np.array(list(parts)), "value": values, "se": errors, "share": of_error})

    def summary(self):
        """A few lines of text: the parts, their standard errors and shares, and what the noise is from."""
        shares = self.shares
        lines = [repr(self)]
        lines += [f"{name:<16} {value:11.5g} ± {self.se[name]:<9.2g} {100 * shares[name]:6.1f} %"
                  for name, value in self.parts.items()]
        lines.append(f"noise: {self.noise_source}")
        if self.kind == "zero_one":
            lines.append(f"variance: {self.unbiased_variance:.4g} of rows whose majority is right, less "
                         f"{self.biased_variance:.4g} of the others")
        return "\n".join(lines)

    def plot(self, ax=None, **options):
        """Draw the parts (see `riata.plots_diagnose.plot_decomposition`)."""
        return plot_decomposition(self, ax=ax, **options)

    def __repr__(self):
        used = self.n_models >= 2
        models = f", {self.model}" if self.model else ""
        return (f"BiasVariance({self.score_label} {self.error:.5g} of {np.count_nonzero(used)} rows, "
                f"{int(self.n_models[used].min()) if used.any() else 0} to {int(self.n_models.max())} models each{models})")


def decompose(predictions, y, *, error="squared", truth=None, noise=None, unseen=None, weights=None, model=""):
    """Split the error of many models into bias, variance and noise.

    For row i let m be the mean of the B predictions f_b, s² their variance with divisor B − 1, y the target and f the truth:

        mean over b of (y − f_b)²  =  [(y − m)² − s²/B] + s²,        (y − m)² = (f − m)² + (y − f)² + 2 (y − f)(f − m).

    s²/B is what the mean of B models has of their variance: both terms are unbiased for any B (the plain ones put (1 − 1/B) s²
    down as variance, and s²/B too much as bias²), and their sum is the same. The 0–1 loss is split as Domingos (2000) does: main
    prediction = majority vote (the first class of those that tie), bias = whether it misses the truth, net variance =
    P(f_b ≠ main) of rows without bias − P(f_b = truth) of rows with it, noise = what the difference between y and truth adds,
    P(f_b = truth) − P(f_b = y). The vote is that of the B at hand, so that the variance is somewhat too small for few models.

    Parameters
    ----------
    predictions : array_like of shape (B, n)
        Of models trained on independent data sets (a simulation: the exact decomposition), or on bootstraps (`bias_variance`).
        NaN where a model says nothing. For "zero_one" labels.
    y : array_like of shape (n,)
        Targets that the models have not learnt from.
    error : {"squared", "zero_one"}, default="squared"
    truth : array_like of shape (n,), optional
        The mean of y (the best class) at each row, where it is known.
    noise : float or ndarray of shape (n,), optional
        Variance of y about the truth, where that is known. Without `truth` and `noise` only bias² + noise can be told; the main
        predictions of 0–1 loss are then held against y itself.
    unseen : bool array of shape (B, n), optional
        Where a prediction counts: out-of-bag rows. Default: everywhere.
    weights : array_like of shape (n,), optional
        Of the rows.
    model : str, optional
        A name for the result.

    Returns
    -------
    BiasVariance

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and if no row has two predictions.

    Warns
    -----
    UserWarning
        If `noise` is far above what bias² and noise are together.

    References
    ----------
    Geman, Bienenstock and Doursat (1992), "Neural networks and the bias/variance dilemma", Neural Computation 4.
    Domingos (2000), "A unified bias-variance decomposition for zero-one and squared loss", AAAI 17.
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, section 7.3.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.diagnose import decompose
    >>> parts = decompose([[1.0, 2.0], [3.0, 2.0]], [2.0, 3.0], truth=[2.0, 2.5])
    >>> parts.error, parts.bias, parts.variance, parts.noise, parts.cross
    (1.0, -0.375, 1.0, 0.125, 0.25)
    """
    if error not in ERRORS:
        raise ValueError(f"error = {error!r} must be 'squared' or 'zero_one'")
    if error == "zero_one":
        return _zero_one(predictions, y, truth, noise, unseen, weights, model)
    predictions, unseen = _predictions(np.asarray(predictions, float), y, unseen)
    n = predictions.shape[1]
    y, weights = check_target(y, n), check_weights(weights, n)
    truth = None if truth is None else check_target(truth, n, "truth")
    if truth is not None and noise is not None:
        raise ValueError("truth and noise are given, and the truth tells the noise: leave one of them out")
    variance_known, source = _noise(noise, n)
    count = unseen.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        main = np.where(unseen, predictions, 0.0).sum(axis=0) / count
        squares = np.where(unseen, (predictions - main) ** 2, 0.0).sum(axis=0)
        variance = np.where(count > 1, squares / (count - 1), np.nan)
        together = (y - main) ** 2 - variance / count
        rows = {"error": together + variance, "variance": variance}
        rows["cross"] = np.zeros(n) if truth is None else 2 * (y - truth) * (truth - main)
        rows["bias_and_noise"] = together - rows["cross"]
        if truth is not None:
            source = "y less the truth that was given"
            rows["noise"] = (y - truth) ** 2
            rows["bias"] = (truth - main) ** 2 - variance / count
        else:
            rows["noise"] = np.full(n, np.nan) if variance_known is None else variance_known
            rows["bias"] = together - rows["noise"]
    result = _result("squared", rows, main, count, weights, source, model)
    if variance_known is not None and result.bias < -BEYOND * result.se["bias_and_noise"]:
        warnings.warn(f"noise of variance {result.noise:.4g} is above bias² + noise together, {result.bias_and_noise:.4g} ± "
                      f"{result.se['bias_and_noise']:.2g}: bias² comes out as {result.bias:.4g}. Give the variance of y "
                      "about its mean at each row, in squared units of y", UserWarning, stacklevel=2)
    return result


def _zero_one(predictions, y, truth, noise, unseen, weights, model):
    if noise is not None:
        raise ValueError("noise is a variance, and 0–1 loss has none: give truth, the best class of each row, or leave both out")
    said = label_array(predictions)
    said, unseen = _predictions(said, y, unseen)
    n = said.shape[1]
    weights = check_weights(weights, n)
    y = label_array(y)
    best = y if truth is None else label_array(truth)
    if best.shape != (n,):
        raise ValueError(f"truth has shape {best.shape}; expected ({n},), the best class of each row")
    classes = distinct(np.concatenate([y, best, said[unseen]]), "y, truth and predictions together")[0]
    votes = np.stack([((said == label) & unseen).sum(axis=0) for label in classes])         # (K, n)
    count = votes.sum(axis=0)
    every = np.arange(n)
    of_y, of_best = (np.searchsorted(classes, labels) for labels in (y, best))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = votes / count
        winner = votes.argmax(axis=0)
        biased = (winner != of_best).astype(float)
        unbiased_variance = (1 - biased) * (1 - share[winner, every])
        biased_variance = biased * share[of_best, every]
        noise = share[of_best, every] - share[of_y, every]
        rows = {"error": 1 - share[of_y, every], "variance": unbiased_variance - biased_variance, "cross": np.zeros(n),
                "bias_and_noise": biased + noise, "unbiased_variance": unbiased_variance, "biased_variance": biased_variance}
        rows["bias"], rows["noise"] = (np.full((2, n), np.nan) if truth is None else (biased, noise))
    few = count < 2
    rows = {name: np.where(few, np.nan, values) for name, values in rows.items()}
    source = "not known: bias and noise are told together, against y. Give truth=, the best class of each row"
    source = source if truth is None else "y against the truth that was given"
    return _result("zero_one", rows, classes[winner], count, weights, source, model)


def _predictions(predictions, y, unseen):
    n = len(y)
    if predictions.ndim != 2 or predictions.shape[1] != n or len(predictions) < 2:
        raise ValueError(f"predictions has shape {predictions.shape}; expected (B, {n}): a row for each of 2 or more models, a "
                         "column for each value of y")
    if unseen is None:
        unseen = np.ones(predictions.shape, bool)
    unseen = np.asarray(unseen)
    if unseen.shape != predictions.shape or unseen.dtype != bool:
        raise ValueError(f"unseen has shape {unseen.shape} and dtype {unseen.dtype}; expected bool, {predictions.shape}")
    if predictions.dtype.kind == "f":
        unseen = unseen & ~np.isnan(predictions)
    return predictions, unseen


def _noise(noise, n):
    """((n,) variances or None, where they are from)."""
    if noise is None:
        return None, "not known: bias² and noise are told together. Give noise= or truth=, or rows of X that occur again"
    if np.ndim(noise):
        values = vector(noise, "noise", f"a number, or ({n},): a variance for each row")
        if values.shape != (n,) or not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"noise of shape {values.shape} must be a number, or ({n},), of variances of 0 or more")
        return values, "given for each row"
    value = check_number(noise, "noise", 0.0, high_open=True)
    return np.full(n, value), f"variance {value:.4g}, as given"


def _result(kind, rows, main, count, weights, source, model):
    used = np.flatnonzero((count >= 2) & (True if weights is None else weights > 0))
    if not len(used):
        raise ValueError("no row has predictions of two models: give more models (a larger n_boot)")
    share = np.full(len(used), 1 / len(used)) if weights is None else weights[used] / weights[used].sum()
    mean = {name: float(share @ values[used]) for name, values in rows.items()}
    se = {name: _se(values[used], share) for name, values in rows.items()}
    label = "bias²" if kind == "squared" else "bias"
    se[label], se[f"{label} + noise"] = se["bias"], se["bias_and_noise"]
    return BiasVariance(kind, mean["error"], mean["bias"], mean["variance"], mean["noise"], mean["cross"], mean["bias_and_noise"],
                        mean.get("unbiased_variance", np.nan), mean.get("biased_variance", np.nan), se, rows, main, count, source,
                        model)


def _se(values, share):
    """Standard error of a weighted mean of independent rows."""
    if len(values) < 2:
        return np.nan
    centred = share * (values - share @ values)
    return float(np.sqrt(centred @ centred * len(values) / (len(values) - 1)))


def replicate_variance(rows, y, weights=None):
    """(variance of y within equal rows of a matrix, degrees of freedom): the pure error of a lack-of-fit test.

    Parameters
    ----------
    rows : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,), optional
        Only rows of positive weight count; equally.

    Returns
    -------
    (float, int)
        (NaN, 0) where no row occurs again.
    """
    if weights is not None:
        rows, y = rows[weights > 0], y[weights > 0]
    _, group = np.unique(rows, axis=0, return_inverse=True)
    group = group.reshape(-1)
    count = np.bincount(group)
    freedom = int(len(y) - len(count))
    if not freedom:
        return np.nan, 0
    within = y - (np.bincount(group, weights=y) / count)[group]
    return float(within @ within) / freedom, freedom
