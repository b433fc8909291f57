"""Targets whose squares float64 cannot hold: paths are right, and where nothing can be compared it is said."""

import numpy as np
import pytest

import riata
from riata.status import OVERFLOW, UNDERFLOW


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=80)


@pytest.mark.parametrize(("scale", "sentence"), [(1e-200, UNDERFLOW), (1e300, OVERFLOW)])
@pytest.mark.parametrize("options", [{"cv": 5}, {"cv": 5, "select": "1se"}, {"select": "bic"}])
@pytest.mark.filterwarnings("ignore:1 of 2 problems")
def test_nothing_is_chosen_by_squares_that_overflow_or_vanish(data, scale, sentence, options):
    X, y = data
    for given in (([X, X], [y * scale, y]), (X, np.c_[y * scale, y])):
        found = riata.fit_batch(*given, **options)
        assert list(found.status) == ["not_finite", "converged"]
        assert list(found.message) == [sentence, ""]
        assert np.isnan(found[0].coef).all()


def test_whole_paths_are_right_and_not_called_constant(data):
    X, y = data
    plain = riata.fit_path(X, y)
    for scale in (1e-200, 1e300):
        found = riata.fit_batch([X], [y * scale])
        assert found.message[0] == ""
        np.testing.assert_allclose(found[0].coef / scale, plain.coef, rtol=1e-9, atol=1e-12)


def test_a_cross_validation_names_the_scale_of_y(data):
    X, y = data
    with pytest.raises(RuntimeError, match=r"squares of the target are above what float64 can hold.*rescale y"):
        riata.cross_validate_path(X, y * 1e300, cv=5)


def test_a_criterion_that_is_nan_everywhere_says_so(data):
    X, y = data
    with pytest.warns(UserWarning, match="1 of 1 problems"):
        found = riata.fit_batch([X[:5]], [y[:5]], select="bic", alphas=[1e-9], tol=1e-9)
    assert found.status[0] == "skipped"
    assert "the criterion is NaN at every alpha" in found.message[0]
