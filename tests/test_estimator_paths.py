"""enet_path and lasso_path, against scikit-learn."""

import numpy as np
import pytest
import sklearn.linear_model as reference
from scipy import sparse

from riata.linear_model import ElasticNet, LassoCV, enet_path, lasso_path
from scikit_learn_peers import EXACT, make_data


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("alphas", [20, [0.5, 0.01, 0.1]])
def test_paths_agree_with_scikit_learn(positive, density, alphas):
    X, y = make_data(seed=15, density=density)
    arguments = {"alphas": alphas, "positive": positive, **EXACT}
    for ours, theirs, extra in (
        (enet_path, reference.enet_path, {"l1_ratio": 0.4, "eps": 0.01}),
        (lasso_path, reference.lasso_path, {"return_n_iter": True}),
    ):
        got = ours(X, y, **arguments, **extra)
        want = theirs(sparse.csc_matrix(X) if density else X, y, **arguments, **extra)
        assert len(got) == len(want)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-10)
        np.testing.assert_allclose(got[1], want[1], atol=2e-6 * np.abs(want[1]).max())
        assert got[2].shape == want[2].shape
        assert np.all(got[2] <= 1e-12 * np.mean(y**2))
        if "return_n_iter" in extra:
            assert len(got[3]) == len(want[3])


def test_a_path_solves_every_alpha_for_itself():
    """scikit-learn#33044: a loose stop must not hand out the coefficients of the alpha before."""
    X, y = make_data(seed=16, n=60, p=60)
    X, y = X - X.mean(axis=0), y - y.mean()
    null = y @ y / (2 * len(y))
    for alpha, coef, gap in zip(*(a.T for a in lasso_path(X, y, alphas=100, tol=1e-4)), strict=True):
        residual = y - X @ coef
        feasible = residual * min(1.0, alpha * len(y) / np.abs(X.T @ residual).max())
        primal = residual @ residual / (2 * len(y)) + alpha * np.abs(coef).sum()
        dual = (y @ y - (y - feasible) @ (y - feasible)) / (2 * len(y))
        assert primal - dual <= 1e-4 * null * (1 + 1e-6)
        assert gap <= 1e-4 * null * (1 + 1e-6)


def test_path_of_one_column_keeps_its_axis_and_several_are_refused():
    X, Y = make_data(seed=17, n_targets=2)
    assert enet_path(X, Y[:, :1], alphas=4)[1].shape == (1, X.shape[1], 4)
    with pytest.raises(ValueError, match="fit_batch"):
        enet_path(X, Y)


def test_path_accepts_the_older_names():
    X, y = make_data(seed=18)
    np.testing.assert_array_equal(enet_path(X, y, n_alphas=7)[0], enet_path(X, y, alphas=7)[0])
    assert len(lasso_path(X, y, alphas=None)[0]) == 100
    np.testing.assert_array_equal(
        ElasticNet.path(X, y, alphas=[0.1], precompute=X.T @ X, Xy=X.T @ y)[1], enet_path(X, y, alphas=[0.1])[1]
    )
    assert LassoCV.path is lasso_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"eps": 2.0}, "eps"),
        ({"alphas": [0.1, -1.0]}, r"alphas\[1\] == -1"),
        ({"alphas": []}, "alphas"),
        ({"l1_ratio": 0.0}, "l1_ratio=0"),
        ({"coef_init": np.zeros(3)}, "coef_init"),
        ({"precompute": np.zeros((2, 2))}, "precompute"),
        ({"tolerance": 1e-3}, "unexpected parameters: tolerance"),
        ({"selection": "greedy"}, "selection"),
    ],
)
def test_path_names_a_bad_argument(arguments, message):
    X, y = make_data(seed=19)
    with pytest.raises(ValueError, match=message):
        enet_path(X, y, **arguments)
