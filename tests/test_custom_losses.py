"""Losses of a user's own: the library's once more give its answers; laws and certificates of others; what is wrong is named."""

import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

import riata
from loss_reference import draw
from own_losses import functions
from riata.losses import check_derivatives, custom
from riata_engine.batch import LOSS, Batch, solve
from riata_engine.custom import compile_loss, least_values, row_values

pytest.importorskip("numba")

SETTINGS = {"logistic": {"link": "logit", "low": 0.0, "high": 1.0}, "poisson": {"link": "log", "low": 0.0},
            "huber": {"parameter": 1.0, "curvature_is_bound": True}}
OWN = tuple(SETTINGS)


def theirs(name):
    return riata.losses.Loss(name, SETTINGS[name].get("parameter"))


def ours(name, conjugate=False):
    last = functions(name, "conjugate")[0] if conjugate else None
    return custom(*functions(name), name=f"my {name}", conjugate=last, **SETTINGS[name])


def other(name):
    """A loss that the library does not have, and a target for it."""
    X, eta = draw("huber", seed=7)
    if name == "expectile":
        return custom(*functions(name), parameter=0.8), X, eta
    if name == "log_cosh":
        return custom(*functions(name)), X, eta
    return custom(*functions(name), low=-1, high=1), X, np.where(eta > np.median(eta), 1.0, -1.0)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("conjugate", [False, True])
def test_rows(name, conjugate):
    loss, known = ours(name, conjugate), LOSS[name]
    targets = {"logistic": [0.0, 0.3, 1.0], "poisson": [0.0, 1.0, 7.0]}.get(name, [-2.0, 3.0])
    y, eta, share = (part.ravel() for part in np.meshgrid(targets, np.linspace(-6, 6, 25), [1, 1 - 1e-9, 0.999, 0.5, 0.01, 0]))
    got, expected = row_values(loss.engine, loss.parameter, y, eta, share), row_values(known, loss.parameter, y, eta, share)
    np.testing.assert_allclose(got[:3], expected[:3], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(got[3], expected[3], atol=1e-10)
    assert (got[3] <= expected[3] + 1e-13 * (1 + np.abs(expected[0]))).all()          # a gap is not too small
    np.testing.assert_allclose(least_values(loss.engine, loss.parameter, targets), least_values(known, loss.parameter, targets),
                               atol=1e-14)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("conjugate", [False, True])
@pytest.mark.parametrize("kind", ["F", "C", "csc", "float32"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_paths_are_those_of_the_library(name, conjugate, kind, l1_ratio):
    X, y = draw(name, seed=1)
    X = {"F": np.asfortranarray, "C": np.ascontiguousarray, "float32": np.float32,
         "csc": lambda X: sparse.csc_array(np.where(np.abs(X) < 0.7, 0.0, X))}[kind](X)
    weights = np.random.default_rng(1).uniform(0, 2, len(y))
    weights[::7] = 0
    settings = {"l1_ratio": l1_ratio, "alphas": 10, "alpha_min_ratio": 1e-2, "tol": 1e-12, "weights": weights}
    mine, known = (riata.fit_path(X, y, loss=loss, **settings) for loss in (ours(name, conjugate), theirs(name)))
    np.testing.assert_allclose(mine.alphas, known.alphas, rtol=1e-10)
    assert (mine.status == known.status).all()
    np.testing.assert_allclose(mine.coef, known.coef, atol=2e-6 if l1_ratio == 1 else 1e-8)
    np.testing.assert_allclose(mine.dev_ratio, known.dev_ratio, atol=1e-9)
    np.testing.assert_allclose(mine.predict(X), known.predict(X), atol=1e-5)


@pytest.mark.parametrize("name", OWN)
def test_many_columns_by_working_sets(name):
    X, y = draw(name, seed=8, n=100, p=600)
    mine, known = (riata.fit_path(X, y, loss=loss, alphas=12, alpha_min_ratio=0.1, tol=1e-10)
                   for loss in (ours(name), theirs(name)))
    assert (mine.status == "converged").all()
    np.testing.assert_allclose(mine.coef, known.coef, atol=1e-4)
    np.testing.assert_allclose(mine.dev_ratio, known.dev_ratio, atol=1e-8)


@pytest.mark.parametrize("name", OWN)
def test_cross_validation_and_batches(name):
    X, y = draw(name, seed=11)
    folds = np.arange(len(y)) % 4
    pairs = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    for cv in (folds, pairs):
        mine, known = (riata.cross_validate_path(X, y, loss=loss, cv=cv, alphas=6, tol=1e-11)
                       for loss in (ours(name), theirs(name)))
        np.testing.assert_allclose(mine.deviance, known.deviance, rtol=1e-6, atol=1e-8)
    Y = np.column_stack([draw(name, seed=s)[1] for s in range(4)])
    mine, known = (riata.fit_batch(X, Y, loss=loss, alphas=6, l1_ratio=0.7, tol=1e-11) for loss in (ours(name), theirs(name)))
    np.testing.assert_allclose(mine.coef, known.coef, atol=1e-7)


@pytest.mark.parametrize("name", [*OWN, "expectile", "log_cosh"])
@pytest.mark.parametrize("p", [12, 300])
def test_a_problem_alone_in_a_batch_and_on_threads_has_the_same_bits(name, p):
    loss = ours(name) if name in OWN else other(name)[0]
    kind = name if name in OWN else "huber"
    X, _ = draw(kind, seed=5, p=p)
    Y = np.column_stack([draw(kind, seed=s, p=p)[1] for s in range(4)])
    together = [solve(Batch(X, Y, n_alphas=6, l1_ratio=0.8, n_threads=k, **loss.settings)) for k in (1, 2)]
    np.testing.assert_array_equal(together[0].coef, together[1].coef)
    for b in range(4):
        alone = solve(Batch(X, Y[:, b], n_alphas=6, l1_ratio=0.8, **loss.settings))
        np.testing.assert_array_equal(alone.coef[0], together[0].coef[b])
        np.testing.assert_array_equal(alone.gap[0], together[0].gap[b])


@pytest.mark.parametrize("name", ["expectile", "log_cosh", "exponential"])
def test_other_losses_come_to_the_minimum_that_scipy_finds(name):
    loss, X, y = other(name)
    value, gradient = loss.functions[:2]
    a = () if loss.parameter is None else (loss.parameter,)
    path = riata.fit_path(X, y, loss=loss, l1_ratio=0.0, alphas=[0.5, 0.05], tol=1e-12)
    assert (path.status == "converged").all()
    for l, alpha in enumerate(path.alphas):
        def objective(b, alpha=alpha):
            eta = X @ b[1:] + b[0]
            g = np.array([gradient(*row, *a) for row in zip(y, eta, strict=True)]) / len(y)
            f = np.mean([value(*row, *a) for row in zip(y, eta, strict=True)])
            return f + alpha * b[1:] @ b[1:] / 2, np.r_[g.sum(), X.T @ g + alpha * b[1:]]

        found = minimize(objective, np.zeros(X.shape[1] + 1), jac=True, method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(np.r_[path.intercept[l], path.coef[l]], found.x, atol=1e-5)
    lasso = riata.fit_path(X, y, loss=loss, alphas=10, alpha_min_ratio=0.02)
    assert (lasso.status == "converged").all()
    eta = lasso.predict(X, kind="link")
    for l, alpha in enumerate(lasso.alphas):                # the KKT conditions
        g = X.T @ np.array([gradient(*row, *a) for row in zip(y, eta[:, l], strict=True)]) / len(y)
        assert np.abs(g).max() <= alpha * (1 + 1e-2) + 1e-9
        np.testing.assert_allclose(g[lasso.coef[l] != 0], -alpha * np.sign(lasso.coef[l][lasso.coef[l] != 0]), rtol=3e-2)


@pytest.mark.parametrize("name", ["expectile", "log_cosh", "huber"])
def test_laws_of_weights_and_offsets(name):
    loss, X, y = (ours(name), *draw(name, seed=3)) if name in OWN else other(name)
    settings = {"loss": loss, "l1_ratio": 0.7, "tol": 1e-11}
    plain = riata.fit_path(X, y, alphas=8, **settings)
    settings["alphas"] = plain.alphas
    np.testing.assert_allclose(riata.fit_path(X, y, weights=np.full(len(y), 3.0), **settings).coef, plain.coef, atol=2e-6)
    weights = np.tile([0.0, 1.0, 2.0, 1.0], len(y) // 4)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    np.testing.assert_allclose(riata.fit_path(X, y, weights=weights, **settings).coef,
                               riata.fit_path(X[rows], y[rows], **settings).coef, atol=2e-6)
    offset = 0.3 * np.arange(len(y)) / len(y)
    np.testing.assert_allclose(riata.fit_path(X, y, offset=offset, **settings).coef,
                               riata.fit_path(X, y - offset, **settings).coef, atol=2e-6)


@pytest.mark.parametrize("loss", ["logistic", "poisson", "gamma", riata.losses.tweedie(1.4), riata.losses.negative_binomial(2.0),
                                  riata.losses.huber(1.0)])
def test_the_losses_of_the_library_pass_the_check(loss):
    check_derivatives(riata.losses.Loss(loss) if isinstance(loss, str) else loss)


VALUE, GRADIENT, CURVATURE = functions("log_cosh")


@pytest.mark.parametrize(("given", "words"), [
    ((VALUE, CURVATURE, CURVATURE), r"gradient\(y=.*was expected: give the derivative of value"),
    ((VALUE, lambda y, eta: 1.001 * math.tanh(eta - y), CURVATURE), r"gradient\(y="),
    ((VALUE, GRADIENT, lambda y, eta: 0.1), r"curvature\(y=.*give the second derivative"),
    ((VALUE, GRADIENT, lambda y, eta: math.nan), r"curvature\(y=.*is nan"),
    ((lambda y, eta: math.log(math.cosh(eta - y)) - 0 * math.exp(-eta), GRADIENT, CURVATURE), r"value\(y=.*eta=-750\) is nan"),
    ((lambda y, eta: (eta - y) ** 2 / 0.0, GRADIENT, CURVATURE), "is inf, where a number must be"),
    ((lambda y, eta: -(eta - y) ** 2, lambda y, eta: 2 * (y - eta), lambda y, eta: -2.0), "is not convex: at y="),
    ((lambda y, eta: math.sin(eta), lambda y, eta: math.cos(eta), lambda y, eta: -math.sin(eta)), "is not convex"),
    ((lambda y, eta: eta, lambda y, eta: 1.0, lambda y, eta: 0.0), "has no minimum"),
    ((VALUE, GRADIENT, CURVATURE, lambda y, u: 0.0), r"conjugate\(y, u\)"),
])
def test_what_is_wrong_with_functions_is_said(given, words):
    *three, last = given if len(given) == 4 else (*given, None)
    with pytest.raises(ValueError, match=words):
        custom(*three, conjugate=last)


@pytest.mark.parametrize(("given", "more", "error", "words"), [
    ((VALUE, GRADIENT, None), {}, TypeError, "curvature = None must be a function"),
    ((VALUE, GRADIENT, CURVATURE), {"link": "probit"}, ValueError, "link = 'probit' must be"),
    ((VALUE, GRADIENT, CURVATURE), {"name": "poisson"}, ValueError, "not the name of a loss that riata has"),
    ((VALUE, GRADIENT, CURVATURE), {"low": 3, "high": 1}, ValueError, "no y lies between"),
    ((VALUE, GRADIENT, CURVATURE), {"parameter": "a"}, TypeError, "parameter = 'a' must be a number"),
    ((VALUE, lambda y, eta: "text" + eta, CURVATURE), {}, TypeError, r"numba cannot compile gradient\(y, eta\)"),
    ((VALUE, GRADIENT, CURVATURE), {"parameter": 2.0}, TypeError, r"numba cannot compile value\(y, eta, a\)"),
])
def test_bad_arguments(given, more, error, words):
    with pytest.raises(error, match=words):
        custom(*given, **more)


def test_a_target_out_of_range_is_refused():
    X, y = draw("logistic")
    loss = custom(*functions("exponential"), low=-1, high=1)
    with pytest.raises(ValueError, match=r"values that the exponential_value loss is not defined for.*from -1 to 1$"):
        riata.fit_path(X, 3 * y, loss=loss)


def failing(limit):
    """Squared loss that is not a number beyond a limit."""
    return custom(lambda y, eta: (y - eta) ** 2 / 2, lambda y, eta: eta - y if abs(y) < limit else math.nan, lambda y, eta: 1.0,
                  name="failing")


@pytest.mark.parametrize("p", [5, 300])
def test_a_loss_that_fails_in_the_fit_is_named_and_spares_the_others(p):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, p)), rng.standard_normal((50, 3))
    Y[7, 1] = 100.0
    loss = failing(50.0)
    with pytest.warns(RuntimeWarning, match=r"failing loss failed: gradient\(y=100, eta="):
        alone = riata.fit_path(X, Y[:, 1], loss=loss, alphas=5)
    assert set(alone.status) == {"not_finite"}
    assert np.isnan(alone.coef).all()
    with pytest.warns(RuntimeWarning, match="failing loss failed"):
        models = riata.fit_batch([X, X], [Y[:, 1], Y[:, 0]], loss=loss, cv=3, alphas=5)
    assert models.status.tolist() == ["not_finite", "converged"]
    with pytest.warns(RuntimeWarning, match=r"1 of 3 problems, first in problem 1: gradient\(y=100"):
        batch = solve(Batch(X, Y, alphas=np.array([0.1, 0.05]), **loss.settings))
    assert batch.status.tolist() == [[0, 0], [3, 3], [0, 0]]
    assert np.isnan(batch.coef[1]).all()
    assert np.isfinite(batch.coef[[0, 2]]).all()


@pytest.mark.parametrize("p", [5, 300])
def test_a_loss_that_fails_along_the_path(p):
    """Squared loss whose curvature falls below 0 where residuals are small: what was solved before stands."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, p))
    y = 20 + 4 * X[:, 0] + 4 * X[:, 1]
    loss = custom(lambda y, eta: (y - eta) ** 2 / 2, lambda y, eta: eta - y,
                  lambda y, eta: -1.0 if abs(y) > 10 and abs(y - eta) < 1e-2 else 1.0, name="failing")
    with pytest.warns(RuntimeWarning, match=r"curvature\(y=.*not convex there"):
        path = riata.fit_path(X, y, loss=loss, alphas=20, alpha_min_ratio=1e-4)
    assert path.status[0] == "converged"
    assert path.status[-1] == "not_finite"
    assert np.isnan(path.coef[path.status == "not_finite"]).all()
    assert np.isfinite(path.coef[path.status == "converged"]).all()


def test_results_can_be_pickled_and_losses_are_released():
    loss, X, y = other("log_cosh")
    path = pickle.loads(pickle.dumps(riata.fit_path(X, y, loss=loss, alphas=3)))
    assert path.loss == loss
    np.testing.assert_array_equal(path.predict(X), riata.fit_path(X, y, loss=path.loss, alphas=3).predict(X))
    codes = {custom(lambda y, eta: (y - eta) ** 2 / 2, lambda y, eta: eta - y, lambda y, eta: 1.0).engine.code
             for _ in range(3)}
    assert len(codes) <= 2
    delta = [custom(*functions("huber"), parameter=d, curvature_is_bound=True) for d in (0.5, 2.0)]
    assert delta[0].engine.code == delta[1].engine.code


SCRIPT = """
import sys
from own_losses import functions
import riata
assert "numba" not in sys.modules
loss = riata.losses.custom(*functions("expectile"), parameter=float(sys.argv[1]))
print(loss.engine.loops.on_disk, loss.engine.loops.from_disk)
"""


def test_compiled_loops_are_kept_on_disk(tmp_path):
    here = Path(__file__).parent
    source = (here / "own_losses.py").read_text()
    (tmp_path / "own_losses.py").write_text(source)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(a):
        return subprocess.run([sys.executable, str(tmp_path / "script.py"), str(a)], env=environment, capture_output=True,
                              text=True, check=True).stdout.split()

    assert run(0.8) == ["True", "False"]
    assert run(0.7) == ["True", "True"]
    (tmp_path / "own_losses.py").write_text(source.replace("r * r / 2", "r * r * 0.5"))
    assert run(0.7) == ["True", "False"]


def test_a_curvature_far_above_the_second_derivative_leaves_no_gap_too_small():
    """Its steps are lost in rounding: the dual value is below the minimum then, not above. (The check refuses such a loss.)"""
    value, gradient = functions("log_cosh", "value", "gradient")
    loss = compile_loss("steep", {"value": value, "gradient": gradient, "curvature": lambda y, eta: 1e18, "conjugate": None})
    y, eta, share = np.array([0.0, 0.3, -2.0]), np.array([5.0, -3.0, 4.0]), 0.5
    dual = row_values(loss, None, y, eta, share)[3]
    u = share * np.tanh(eta - y)
    at = np.arctanh(u)
    least = np.log(np.cosh(at)) - u * (at + y)
    assert (dual <= least + 1e-12).all()


NESTED = """
import types
from numba import njit
from riata_engine.jit.disk_cache import digest_of

def told(share, factor, fast):
    inner = types.ModuleType("inner")
    inner.share = share
    outer = types.ModuleType("outer")
    outer.inner = inner

    @njit(fastmath=fast)
    def double(x):
        return 2 * x

    def value(y, eta):
        scaled = lambda t: t * FACTOR
        return scaled(outer.inner.share * double(eta))

    globals()["FACTOR"] = factor
    return digest_of([value])

cases = [(1.0, 2.0, False), (3.0, 2.0, False), (1.0, 3.0, False), (1.0, 2.0, True)]
digests = [told(*case) for case in cases]
assert None not in digests and digests == [told(*case) for case in cases]
print(len(set(digests)))

class Mine(float):
    pass

assert digest_of([lambda y, eta: Mine(eta)]) is None
"""


def test_the_key_of_the_cache_follows_every_name(tmp_path):
    """A number of a module in a module, a global of a function inside the function, and how numba is told to compile."""
    (tmp_path / "nested.py").write_text(NESTED)
    done = subprocess.run([sys.executable, str(tmp_path / "nested.py")], capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"


def test_an_alpha_that_fails_at_once_among_many_columns():
    """No alpha of the first block is solved: there is nothing to check by a pass over X."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 300))
    Y = np.column_stack([20 + 4 * X[:, 0] + 4 * X[:, 1], X[:, 0]])
    loss = custom(lambda y, eta: (y - eta) ** 2 / 2, lambda y, eta: eta - y,
                  lambda y, eta: -1.0 if abs(y) > 10 and abs(y - eta) < 1.0 and eta > 22 else 1.0, name="failing")
    for columns, status in (([0], [3]), ([0, 1], [3, 0])):
        with pytest.warns(RuntimeWarning, match=r"curvature\(y="):
            solution = solve(Batch(X, Y[:, columns], alphas=np.array([0.01]), **loss.settings))
        assert solution.status[:, 0].tolist() == status
        assert np.isnan(solution.coef[0]).all()


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match="pip install numba"):
        custom(lambda y, eta: (y - eta) ** 2, lambda y, eta: 2 * (eta - y), lambda y, eta: 2.0)


@pytest.mark.parametrize("function", [np.hypot, max, "".join, 3])
def test_a_function_that_cannot_be_compiled_is_named(function):
    with pytest.raises(TypeError, match=r"gradient = .*written with def or lambda"):
        custom(lambda y, eta: (y - eta) ** 2, function, lambda y, eta: 2.0)


def test_check_derivatives_refuses_what_is_no_loss():
    with pytest.raises(TypeError, match=r"loss = 'poisson' must be one of riata\.losses"):
        riata.losses.check_derivatives("poisson")
    with pytest.raises(ValueError, match=r"eta = \[\] must hold one finite number or more"):
        riata.losses.check_derivatives(riata.losses.huber(), eta=[])
