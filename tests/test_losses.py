"""Losses: formulas by differences and Fenchel's inequality, certificates against a referee, laws, outside truth, bad input."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes

import loss_reference as referee
import riata
from loss_reference import LOSSES, PARAMETER, draw
from riata_engine.batch import Batch, solve
from riata_engine.formulas import losses as formulas

ARGUMENTS = {"logistic": [0.0, 1.0, 0.3], "gamma": [0.1, 3.0], "huber": [-2.0, 0.0, 4.0]}


def loss_of(name):
    return riata.losses.Loss(name, PARAMETER[name])


@pytest.mark.parametrize("loss", LOSSES)
def test_formulas(loss):
    a = PARAMETER[loss] or 0.0
    value, gradient, curvature, saturated, dual = (getattr(formulas, f"{loss}_{what}")
                                                   for what in ("value", "gradient", "curvature", "saturated", "dual"))
    for y in ARGUMENTS.get(loss, [0.0, 1.0, 3.7]):
        for eta in (-2.7, -0.4, 0.2, 2.0):
            h = 1e-5
            assert gradient(y, eta, a) == pytest.approx((value(y, eta + h, a) - value(y, eta - h, a)) / (2 * h),
                                                        rel=1e-7, abs=1e-9)
            if loss != "huber":                            # whose curvature is that of a parabola above it
                assert curvature(y, eta, a) == pytest.approx((gradient(y, eta + h, a) - gradient(y, eta - h, a)) / (2 * h),
                                                             rel=1e-7, abs=1e-9)
            u = gradient(y, eta, a)
            assert dual(y, u, a) == pytest.approx(value(y, eta, a) - u * eta, rel=1e-12, abs=1e-12)          # Fenchel–Young
            for other in (-5.0, 0.0, 1.0):
                assert dual(y, u, a) <= value(y, other, a) - u * other + 1e-12                              # and its inequality
            assert saturated(y, a) <= value(y, eta, a) + 1e-12
    for eta in (-1e4, -710.0, 710.0, 1e4):
        if loss in ("logistic", "huber"):
            assert np.isfinite([value(1.0, eta, a), gradient(1.0, eta, a), curvature(1.0, eta, a)]).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("kind", ["F", "C", "csc", "float32"])
def test_certificates_hold_before_a_referee(loss, l1_ratio, kind):
    X, y = draw(loss, seed=LOSSES.index(loss))         # not hash(): that of a text differs from process to process
    X = {"F": np.asfortranarray, "C": np.ascontiguousarray, "float32": np.float32,
         "csc": lambda X: sparse.csc_array(np.where(np.abs(X) < 0.7, 0.0, X))}[kind](X)
    weights = np.random.default_rng(1).uniform(0, 2, len(y))
    weights[::7] = 0
    path = riata.fit_path(X, y, loss=loss_of(loss), l1_ratio=l1_ratio, weights=weights, alphas=12, alpha_min_ratio=1e-2)
    assert (path.status == "converged").all()
    for l in range(12):
        true = referee.gap(loss, X, y, path.alphas[l], l1_ratio, path.coef[l], path.intercept[l], weights=weights)
        assert true <= max(path.gap[l], 1e-9) * 1.01 + 1e-9
    assert (path.coef[0] == 0).all() or l1_ratio == 0
    assert (np.diff(path.dev_ratio) > -1e-9).all()
    assert np.count_nonzero(path.coef[-1]) >= 3


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_offsets_and_units(loss):
    X, y = draw(loss, seed=3)
    settings = {"loss": loss_of(loss), "alphas": 8, "l1_ratio": 0.7, "tol": 1e-11}
    plain = riata.fit_path(X, y, **settings)
    grid = settings | {"alphas": plain.alphas}
    same = {"ones": riata.fit_path(X, y, weights=np.full(len(y), 3.0), **grid),
            "threads": riata.fit_path(X, y, n_threads=1, **grid),
            "moved": riata.fit_path(X + 5.0, y, **grid)}
    for name, other in same.items():
        np.testing.assert_allclose(other.coef, plain.coef, atol=2e-6, err_msg=name)
    weights = np.tile([0.0, 1.0, 2.0, 1.0], len(y) // 4)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    np.testing.assert_allclose(riata.fit_path(X, y, weights=weights, **grid).coef,
                               riata.fit_path(X[rows], y[rows], **grid).coef, atol=2e-6)
    offset = 0.3 * X[:, 4]
    moved = riata.fit_path(X, y, offset=offset, penalty_factor=np.r_[np.ones(4), 0.0, np.ones(7)], **grid)
    free = riata.fit_path(X, y, penalty_factor=np.r_[np.ones(4), 0.0, np.ones(7)], **grid)
    np.testing.assert_allclose(moved.coef[:, 4], free.coef[:, 4] - 0.3, atol=1e-4)
    np.testing.assert_allclose(np.delete(moved.coef, 4, 1), np.delete(free.coef, 4, 1), atol=1e-4)
    s = X.std(axis=0)
    np.testing.assert_allclose(riata.fit_path(X, y, standardize=True, **grid).coef * s,
                               riata.fit_path(X / s, y, **grid).coef, atol=2e-6)
    bounded = riata.fit_path(X, y, lower=0.0, upper=0.2, **grid)
    assert bounded.coef.min() >= 0
    assert bounded.coef.max() <= 0.2
    assert (bounded.status == "converged").all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", [12, 300])
def test_a_problem_alone_in_a_batch_and_on_threads_has_the_same_bits(loss, p):
    X, _ = draw(loss, seed=5, p=p)
    Y = np.column_stack([draw(loss, seed=s, p=p)[1] for s in range(4)])
    parameter = PARAMETER[loss]
    together = [solve(Batch(X, Y, loss=loss, loss_parameter=parameter, n_alphas=6, l1_ratio=0.8, n_threads=k)) for k in (1, 2)]
    np.testing.assert_array_equal(together[0].coef, together[1].coef)
    for b in range(4):
        alone = solve(Batch(X, Y[:, b], loss=loss, loss_parameter=parameter, n_alphas=6, l1_ratio=0.8))
        np.testing.assert_array_equal(alone.coef[0], together[0].coef[b])
        np.testing.assert_array_equal(alone.gap[0], together[0].gap[b])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["dense", "csc"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_many_columns_go_by_working_sets(loss, kind, l1_ratio):
    X, y = draw(loss, seed=8, n=100, p=600)
    X = X if kind == "dense" else sparse.csc_array(np.where(np.abs(X) < 1.0, 0.0, X))
    path = riata.fit_path(X, y, loss=loss_of(loss), l1_ratio=l1_ratio, alphas=15, alpha_min_ratio=0.1)
    assert (path.status == "converged").all()
    for l in (1, 7, 14):
        true = referee.gap(loss, X, y, path.alphas[l], l1_ratio, path.coef[l], path.intercept[l])
        assert true <= path.gap[l] * 1.01 + 1e-9
    assert path.n_passes < 40


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("intercept", [True, False])
def test_many_short_sparse_columns(loss, dtype, intercept):
    """Enough columns in play that models go by the residual (cpu/sparse_model.pyx): nearly all, and three without a penalty."""
    rng = np.random.default_rng(5)
    X = sparse.random(300, 700, 0.02, format="csc", random_state=rng, data_rvs=rng.standard_normal, dtype=dtype)
    y = np.random.default_rng(6).permutation(draw(loss, seed=5, n=300)[1])
    factor = np.where(np.arange(700) < 3, 0.0, 1.0)
    path = riata.fit_path(X, y, loss=loss_of(loss), l1_ratio=0.2, alphas=6, alpha_min_ratio=0.02, intercept=intercept)
    assert (path.status == "converged").all()
    assert path.df[-1] > 200
    for l in range(6):
        true = referee.gap(loss, X, y, path.alphas[l], 0.2, path.coef[l], path.intercept[l], fit_intercept=intercept)
        assert true <= path.gap[l] * 1.01 + 1e-9
    settings = {"loss": loss_of(loss), "alphas": path.alphas[3:], "l1_ratio": 0.2, "intercept": intercept, "tol": 1e-10}
    both = [riata.fit_path(M, y, penalty_factor=factor, lower=-0.3, **settings) for M in (X, X.toarray())]
    np.testing.assert_allclose(X @ both[0].coef.T, X @ both[1].coef.T, atol=2e-4)
    assert both[0].coef.min() >= -0.3
    assert (both[0].status == "converged").all()


@pytest.mark.parametrize("loss", LOSSES)
def test_held_out_deviance_is_that_of_fits_without_the_fold(loss):
    X, y = draw(loss, seed=11)
    folds = np.arange(len(y)) % 4
    result = riata.cross_validate_path(X, y, loss=loss_of(loss), cv=folds, alphas=6, tol=1e-10)
    a = PARAMETER[loss]
    for k in range(4):
        train, test = folds != k, folds == k
        alone = riata.fit_path(X[train], y[train], loss=loss_of(loss), alphas=result.alphas[0], tol=1e-10)
        eta = alone.predict(X[test], kind="link")
        expected = 2 * (referee.value(loss, a, y[test, None], eta) - referee.saturated(loss, a, y[test])[:, None]).mean(axis=0)
        np.testing.assert_allclose(result.deviance[0, :, k], expected, rtol=1e-4, atol=1e-6)
    pairs = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    again = riata.cross_validate_path(X, y, loss=loss_of(loss), cv=pairs, alphas=result.alphas[0], tol=1e-10)
    np.testing.assert_allclose(again.deviance[0], result.deviance[0, :, :3], rtol=1e-4, atol=1e-6)


def test_values_of_glmnet():
    """Ridge fits at lambda = 1 that scikit-learn's tests take from glmnet."""
    X = np.column_stack([[-2.0, -1, 1, 2], [0.0, 0, 1, 1]])
    path = riata.fit_path(X, [0, 1, 1, 2], loss="poisson", l1_ratio=0.0, alphas=[1.0], tol=1e-13)
    np.testing.assert_allclose([path.intercept[0], *path.coef[0]], [-0.12889386979, 0.29019207995, 0.03741173122], atol=1e-6)
    X = np.column_stack([np.arange(-4.0, 5), [0.0, 0, 1, 0, 1, 1, 1, 0, 0]])
    path = riata.fit_path(X, [0, 0, 0, 1, 1, 1, 1, 1, 1], loss="logistic", l1_ratio=0.0, alphas=[1.0], tol=1e-13)
    np.testing.assert_allclose([path.intercept[0], *path.coef[0]], [0.89230405539, 0.44464569182, 0.01457563448], atol=1e-6)


def test_separable_classes():
    X = np.linspace(-1, 1, 40)[:, None]
    y = (X[:, 0] > 0) * 1.0
    path = riata.fit_path(X, y, loss="logistic", alphas=[0.0])          # there is an infimum, and this is within tol of it
    assert path.dev_ratio[0] > 1 - 1e-5
    assert np.isfinite(path.coef).all()
    assert (riata.fit_path(X, y, loss="logistic", alphas=[1e-4]).status == "converged").all()


def test_predictions_on_three_scales_and_labels():
    X, y = draw("logistic", seed=2)
    labels = np.where(y == 1, "yes", "no")
    path = riata.fit_path(X, labels, loss="logistic", alphas=5)
    assert list(path.classes) == ["no", "yes"]
    link, response = path.predict(X, kind="link"), path.predict(X)
    np.testing.assert_allclose(response, 1 / (1 + np.exp(-link)))
    np.testing.assert_array_equal(path.predict(X, kind="class"), np.where(link > 0, "yes", "no"))
    np.testing.assert_array_equal(riata.fit_path(X, y, loss="logistic", alphas=5).coef, path.coef)
    X, y = draw("poisson", seed=2)
    path = riata.fit_path(X, y, loss="poisson", alphas=5)
    np.testing.assert_allclose(path.predict(X), np.exp(path.predict(X, kind="link")))
    with pytest.raises(ValueError, match="kind = 'class' is for the logistic loss"):
        path.predict(X, kind="class")
    with pytest.raises(ValueError, match="kind = 'mean' must be"):
        path.predict(X, kind="mean")


@pytest.mark.parametrize(("loss", "y", "words"), [
    ("logistic", ["a", "b", "c", "a"], "3 classes"), ("logistic", ["a"] * 4, "1 class"),
    ("logistic", [0, 0, 0, 0], "0 in every row"),
    ("logistic", [0, 1, np.nan, 1], "NaN"), ("logistic", ["a", None, "b", "a"], "missing labels"),
    ("poisson", [1, -2, 3, 0], r"row 1 \(the first is -2\): it takes values of 0 or more"), ("gamma", [1, 0, 2, 3], "above 0"),
    ("poisson", [0, 0, 0, 0], "0 in every row"), ("cauchy", [1, 2, 3, 4], "must be one of"), (3, [1, 2, 3, 4], "must be a name"),
])
def test_bad_targets_and_losses(loss, y, words):
    with pytest.raises((ValueError, TypeError), match=words):
        riata.fit_path(np.arange(8.0).reshape(4, 2), y, loss=loss)


@pytest.mark.parametrize("make", [lambda: riata.losses.huber(0), lambda: riata.losses.tweedie(2.0),
                                  lambda: riata.losses.tweedie(1.0), lambda: riata.losses.negative_binomial(-1)])
def test_parameters_out_of_range(make):
    with pytest.raises(ValueError, match="is outside"):
        make()


@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_tweedie_tends_to_its_limits(name):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    mu = np.exp(0.4 * X[:, 0] - 0.3 * X[:, 1])
    y = rng.poisson(mu).astype(float) if name == "poisson" else rng.gamma(2, mu)
    end, inward = (1, 1) if name == "poisson" else (2, -1)
    limit = riata.fit_path(X, y, loss=name, alphas=6, tol=1e-9)
    for distance in (1e-3, 1e-4, 1e-5, 2e-6):
        near = riata.fit_path(X, y, loss=riata.losses.tweedie(end + inward * distance), alphas=limit.alphas, tol=1e-8)
        assert (near.status == "converged").all()
        assert np.abs(near.coef - limit.coef).max() < 2 * distance + 1e-5
        assert np.abs(near.dev_ratio - limit.dev_ratio).max() < 2 * distance + 1e-6
    for distance in (0.9e-6, 1e-9):
        power = end + inward * distance
        for make in (riata.losses.tweedie, lambda power: riata.losses.Loss("tweedie", power),
                     lambda power: riata.linear_model.TweedieRegressor(power=power).fit(X, y)):
            with pytest.raises(ValueError, match=f"is within 1e-06 of {end}.*take loss='{name}'"):
                make(power)


def test_what_other_losses_do_not_have():
    X, y = draw("logistic")
    with pytest.raises(ValueError, match="has one solver"):
        riata.fit_path(X, y, loss="logistic", solver="gram")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["dense", "csc"])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_on_more_columns_than_rows(loss, kind, intercept):
    X, y = draw(loss, seed=9, n=60, p=400)
    X = X if kind == "dense" else sparse.csc_array(np.where(np.abs(X) < 1.0, 0.0, X))
    factor = np.random.default_rng(0).uniform(0.5, 2.0, 400)
    path = riata.fit_path(X, y, loss=loss_of(loss), l1_ratio=0.0, alphas=[3.0, 0.3, 0.03], penalty_factor=factor,
                          intercept=intercept)
    assert (path.status == "converged").all()
    for l in range(3):
        true = referee.gap(loss, X, y, path.alphas[l], 0.0, path.coef[l], path.intercept[l], fit_intercept=intercept,
                           factor=factor)
        assert true <= path.gap[l] * 1.01 + 1e-9
    held_out = riata.cross_validate_path(X, y, loss=loss_of(loss), l1_ratio=0.0, alphas=[3.0, 0.3], cv=3)
    assert np.isfinite(held_out.deviance).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", [12, 300])
def test_offsets_that_vary_are_in_the_certificate(loss, p):
    X, y = draw(loss, seed=4, p=p)
    offset = np.random.default_rng(0).uniform(-0.5, 0.5, len(y))
    path = riata.fit_path(X, y, loss=loss_of(loss), offset=offset, alphas=8, alpha_min_ratio=0.05)
    assert (path.status == "converged").all()
    for l in range(8):
        true = referee.gap(loss, X, y, path.alphas[l], 1.0, path.coef[l], path.intercept[l], offset=offset)
        assert true <= max(path.gap[l], 1e-9) * 1.01 + 1e-9


@pytest.mark.parametrize("weights", [None, "uneven"])
@pytest.mark.parametrize("C", [1e4, 1e6])
def test_ridge_on_nearly_separable_classes_ends_in_newton_steps(C, weights):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    w = None if weights is None else np.random.default_rng(0).uniform(0.1, 3, len(y))
    alpha = 1 / (C * (len(y) if w is None else w.sum()))
    path = riata.fit_path(X, y, loss="logistic", l1_ratio=0.0, alphas=[alpha], weights=w, tol=1e-10)
    assert path.status.tolist() == ["converged"]
    assert path.n_cholesky[0] < 60
    gradient = X.T @ ((expit(path.predict(X, alpha=alpha, kind="link")) - y) * (1 if w is None else w))
    np.testing.assert_allclose(gradient / (len(y) if w is None else w.sum()), -alpha * path.coef[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("delta", [0.01, 0.1, 1.35, 10.0])
def test_lasso_paths_of_huber_with_most_rows_beyond_delta_converge(delta):
    X, y = load_diabetes(return_X_y=True)
    path = riata.fit_path(X / X.std(axis=0), y, loss=riata.losses.huber(delta=delta), alphas=50)
    assert set(path.status) == {"converged"}
