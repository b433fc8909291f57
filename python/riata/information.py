"""Information criteria of a path: of least-squares fits with unknown variance, and of losses that are likelihoods."""

import numpy as np

#: losses that are minus a log-likelihood, up to what does not depend on the fit, without a dispersion to estimate
LIKELIHOODS = ("logistic", "poisson", "negative_binomial")


def information_criterion(dev_ratio, null_deviance, df, n_samples, price, loss="squared"):
    """Minus twice the log-likelihood plus a price per parameter.

        n · (log(2π D) + 1) + price · df,   D = (1 − dev_ratio) · null_deviance

    D is the weighted mean of the squared residuals, which is the maximum-likelihood variance. For the logistic, Poisson and
    negative binomial losses it is n · D + price · df with D the mean deviance; for the others there is none (NaN). At alpha = 0
    this is the usual value of an ordinary least-squares fit.

    Parameters
    ----------
    dev_ratio : array_like
        Fraction of the null deviance explained.
    null_deviance : float or array_like that broadcasts
        Weighted mean squared error of the best model without features.
    df : array_like, same shape as `dev_ratio`
        Degrees of freedom, the intercept's included.
    n_samples : int or array_like that broadcasts
        Rows with a positive weight. Weights count as precisions here, not as repetitions.
    price : float or array_like
        2 for AIC, log(n) for BIC.
    loss : str
        Name of the loss.

    Returns
    -------
    ndarray, shape of `dev_ratio`
        NaN where the fit has as many parameters as rows or no residual left: its likelihood has no maximum.
    """
    dev_ratio, df = np.asarray(dev_ratio, dtype=np.float64), np.asarray(df, dtype=np.float64)
    variance = (1.0 - dev_ratio) * null_deviance
    if loss != "squared":
        known = loss in LIKELIHOODS
        return np.where(known & (df < n_samples), n_samples * variance + price * df, np.nan)
    usable = (variance > 0) & (df < n_samples)
    fit = n_samples * (np.log(2.0 * np.pi * np.where(usable, variance, 1.0)) + 1.0)
    return np.where(usable, fit + price * df, np.nan)


def aic(dev_ratio, null_deviance, df, n_samples, loss="squared"):
    """Akaike's criterion (Akaike 1974): `information_criterion` with a price of 2 per parameter."""
    return information_criterion(dev_ratio, null_deviance, df, n_samples, 2.0, loss)


def bic(dev_ratio, null_deviance, df, n_samples, loss="squared"):
    """Schwarz's criterion (Schwarz 1978): `information_criterion` with a price of log(n) per parameter."""
    return information_criterion(dev_ratio, null_deviance, df, n_samples, np.log(np.maximum(n_samples, 1)), loss)


def ebic(dev_ratio, null_deviance, df, n_samples, n_features, gamma=1.0, intercept=True, loss="squared"):
    """Extended BIC (Chen and Chen 2008): BIC + 2·gamma·log(number of models with k of the n_features features).

    k is `df` without the intercept's. The number is a binomial coefficient, by gamma functions where k is not whole.

    Parameters
    ----------
    n_features : int
        Features that could enter.
    gamma : float, default=1.0
        0 is BIC. 1 selects consistently for p growing as any power of n; 0.5 for p growing like n.
    intercept : bool, default=True
        Whether `df` counts an intercept.
    """
    from scipy.special import gammaln

    k = np.asarray(df, dtype=np.float64) - bool(intercept)
    log_models = gammaln(n_features + 1.0) - gammaln(k + 1.0) - gammaln(n_features - k + 1.0)
    return bic(dev_ratio, null_deviance, df, n_samples, loss) + 2.0 * gamma * log_models
