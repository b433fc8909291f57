"""Information criteria against an ordinary least-squares fit written out by hand."""

import numpy as np
import pytest
from scipy.special import comb
from scipy.stats import norm

import riata
from riata.information import aic, bic, ebic


@pytest.fixture
def least_squares():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=40) + 3.0
    design = np.column_stack([np.ones(40), X])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    log_likelihood = norm.logpdf(residual, scale=np.sqrt(np.mean(residual**2))).sum()
    return X, y, residual, log_likelihood


def test_criteria_are_those_of_the_likelihood(least_squares):
    _, y, residual, log_likelihood = least_squares
    null = np.var(y)
    dev_ratio = 1.0 - np.mean(residual**2) / null
    assert aic(dev_ratio, null, 4, 40) == pytest.approx(-2 * log_likelihood + 2 * 4, rel=1e-12)
    assert bic(dev_ratio, null, 4, 40) == pytest.approx(-2 * log_likelihood + np.log(40) * 4, rel=1e-12)
    expected = -2 * log_likelihood + np.log(40) * 4 + 2 * 0.5 * np.log(comb(10, 3))
    assert ebic(dev_ratio, null, 4, 40, 10, gamma=0.5) == pytest.approx(expected, rel=1e-12)
    assert ebic(dev_ratio, null, 4, 40, 10, gamma=0.0) == bic(dev_ratio, null, 4, 40)


def test_a_path_down_to_alpha_zero_ends_at_the_least_squares_values(least_squares):
    X, y, _, log_likelihood = least_squares
    path = riata.fit_path(X, y, alphas=[0.1, 0.0], tol=1e-12)
    assert path.aic[1] == pytest.approx(-2 * log_likelihood + 8, rel=1e-9)
    assert path.bic[1] == pytest.approx(-2 * log_likelihood + 4 * np.log(40), rel=1e-9)
    assert path.ebic[1] == pytest.approx(path.bic[1], rel=1e-9)         # all three of three: one model


def test_a_saturated_fit_has_no_criterion():
    values = aic([0.5, 1.0, 0.9], 2.0, [3, 3, 10], 10)
    assert np.isfinite(values).tolist() == [True, False, False]
