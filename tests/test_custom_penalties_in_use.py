"""Penalties of a user's own in cross-validation and estimators, their errors, and what is kept of them."""

import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import riata
from own_penalties import draw, functions, own, path_of
from riata.linear_model import PenalizedClassifier, PenalizedRegressor
from riata.penalties import check_penalty, custom
from riata_engine.penalty import PenaltyBatch, solve_penalty

pytest.importorskip("numba")

VALUE, PROX = functions("lasso")
SCRIPT = """
import sys
import riata
assert "numba" not in sys.modules
from own_penalties import own
penalty = own("log_sum")
print(penalty.engine.functions.on_disk, penalty.engine.functions.from_disk)
"""


def test_cross_validation():
    X, y = draw(11)
    folds = np.arange(60) % 4
    mine = riata.cross_validate_path(X, y, penalty=own("lasso"), cv=folds, alphas=10, tol=1e-11)
    known = riata.cross_validate_path(X, y, cv=folds, alphas=10, tol=1e-11)
    np.testing.assert_allclose(mine.alphas, known.alphas, rtol=1e-12)
    np.testing.assert_allclose(mine.deviance, known.deviance, rtol=1e-6)
    assert isinstance(mine.paths[0], riata.PenaltyPathResult)
    pairs = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(4)]
    split = riata.cross_validate_path(X, y, penalty=own("lasso"), cv=pairs, alphas=10, tol=1e-11)
    np.testing.assert_allclose(split.deviance, mine.deviance, rtol=1e-6)
    concave = riata.cross_validate_path(X, y, penalty=own("root"), cv=folds, alphas=10, scoring="mae")
    assert (concave.paths[0].prox_residual <= 1e-6).all()
    assert concave.predict(X).shape == (60,)
    given = riata.cross_validate_path(X, y, penalty=own("ridge"), cv=folds, alphas=[10.0, 1.0, 0.1])
    assert given.alphas.shape == (1, 3)


@pytest.mark.parametrize(("given", "words"), [
    ({"l1_ratio": 0.5}, r"l1_ratio = 0.5 does not go with penalty='lasso'"), ({"loss": "huber"}, "loss = 'huber' does not go"),
    ({"positive": True}, "positive = True does not go"), ({"lower": np.zeros(90)}, "lower does not go"),
    ({"solver": "gram"}, "solver = 'gram' does not go"), ({"alphas": [1.0, 0.0]}, "alphas has 0"),
    ({"inner_cv": 3}, "Leave inner_cv or penalty out"),
])
def test_what_does_not_go_with_a_penalty_of_ones_own_in_cross_validation(given, words):
    X, y = draw(11)
    with pytest.raises(ValueError, match=words):
        riata.cross_validate_path(X, y, **{"penalty": own("lasso"), "cv": 3, **given})


def test_estimators():
    X, y = draw(12)
    model = clone(PenalizedRegressor(penalty=own("lasso"), alpha=0.5)).fit(X, y)
    known = PenalizedRegressor(penalty="l1", alpha=0.5).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-6)
    assert model.gap_ <= 1e-8
    assert not hasattr(model, "prox_residual_")
    model.set_params(penalty=own("root")).fit(X, y)
    assert model.prox_residual_ <= 1e-8
    assert np.isnan(model.gap_)
    assert not hasattr(model.fit(X, y).set_params(penalty="l1").fit(X, y), "prox_residual_")
    pickled = pickle.loads(pickle.dumps(PenalizedRegressor(penalty=own("lasso"), alpha=0.5).fit(X, y)))
    np.testing.assert_array_equal(pickled.fit(X, y).coef_, PenalizedRegressor(penalty=own("lasso"), alpha=0.5).fit(X, y).coef_)
    search = GridSearchCV(PenalizedRegressor(penalty=own("lasso")), {"alpha": [50.0, 0.5]}).fit(X, y)
    assert search.best_params_ == {"alpha": 0.5}
    with pytest.warns(ConvergenceWarning, match="with a prox residual above tol"):
        PenalizedRegressor(penalty=own("log_sum"), alpha=0.05, max_iter=1).fit(X, y)


@pytest.mark.parametrize(("model", "words"), [
    (lambda: PenalizedRegressor(penalty=own("lasso"), alpha=0.0), "alpha = 0 leaves nothing of a penalty of your own"),
    (lambda: PenalizedRegressor(penalty=own("lasso"), positive=True), "positive is not available"),
    (lambda: PenalizedRegressor("huber", own("lasso")), "no solver fits loss='huber' with penalty='your own'"),
    (lambda: PenalizedRegressor(penalty="your own"), r"'your own' \(riata.penalties.custom\). Got 'your own'"),
    (lambda: PenalizedRegressor(penalty=abs), "Got <built-in function abs>"),
])
def test_what_estimators_refuse(model, words):
    X, y = draw(12)
    with pytest.raises(ValueError, match=words):
        model().fit(X, y)
    with pytest.raises(ValueError, match="no solver fits loss='logistic' with penalty='your own'"):
        PenalizedClassifier(penalty=own("lasso")).fit(X, y > 0)


@pytest.mark.parametrize(("value", "prox", "convex", "words"), [
    (VALUE, lambda v, t: max(v - t, 0.0), True, r"prox\(v=-6.13, t=0.01\) is 0, where .* was expected, where it is .*: give the"),
    (VALUE, lambda v, t: 1.000001 * (max(v - t, 0.0) + min(v + t, 0.0)), True, r"prox\(v="),
    (VALUE, lambda v, t: v / t * 0 + math.nan, True, r"prox\(v=-6.13, t=0.01\) is nan, and a finite number was expected"),
    (VALUE, lambda v, t: max(v - t, 0.0) + min(v + t, 0.0) if abs(v) < 1e9 else math.inf, True, r"prox\(v=-1e\+10.*is inf"),
    (lambda b: abs(b) + 1, PROX, True, r"value\(b=0\) is 1, and 0 was expected: subtract 1"),
    (lambda b: b, lambda v, t: v - t, True, r"value\(b=-6.13\) is -6.13, and a number of 0 or more .*: a penalty is least"),
    (lambda b: math.sqrt(b) if b > 0 else b * math.nan, PROX, True, r"value\(b=.*\) is nan"),
    (*functions("root"), True, r"value\(b=.*it is not convex: give convex=False"),
    (lambda b: max(b, 0.0), lambda v, t: max(v - t, 0.0) + min(v, 0.0), True, r"value\(b=-1e\+10\) is 0, .*grow to both sides"),
    (*functions("root")[:1], PROX, False, r"prox\(v="),
])
def test_what_is_wrong_with_functions_is_said(value, prox, convex, words):
    with pytest.raises(ValueError, match=words):
        custom(value, prox, convex=convex)


def test_a_value_that_is_not_a_number_beside_the_grid():
    with pytest.raises(ValueError, match=r"value\(b=-7.0\d+\) is nan, and a number of 0 or more was expected: write it so that"):
        custom(lambda b: abs(b) if not 7 < abs(b) < 1e6 else math.nan, PROX)


@pytest.mark.parametrize(("given", "more", "error", "words"), [
    ((VALUE, None), {}, TypeError, r"prox = None must be a function of \(v, t\)"),
    ((np.abs, PROX), {}, TypeError, "value = <ufunc 'absolute'> must be a function of b written with def or lambda"),
    ((VALUE, PROX), {"name": 3}, TypeError, "name = 3 must be a text"),
    ((VALUE, PROX), {"convex": "yes"}, TypeError, "convex = 'yes' must be True or False"),
    ((VALUE, PROX), {"parameter": "a"}, TypeError, "parameter = 'a' must be a number"),
    ((VALUE, lambda v, t: "text" + v), {}, TypeError, r"numba cannot compile prox\(v, t\)"),
    ((VALUE, PROX), {"parameter": 2.0}, TypeError, r"numba cannot compile value\(b, a\)"),
])
def test_bad_arguments(given, more, error, words):
    with pytest.raises(error, match=words):
        custom(*given, **more)


def test_bad_arguments_of_a_path_and_of_the_check():
    X, y = draw()
    with pytest.raises(TypeError, match=r"penalty = 'l1' must be one of riata.penalties.custom"):
        riata.penalty_path(X, y, "l1")
    with pytest.raises(ValueError, match="alphas has 0"):
        riata.penalty_path(X, y, own("lasso"), alphas=[1.0, 0.0])
    with pytest.raises(ValueError, match=r"ridge: no alpha makes every coefficient 0.*give the alphas"):
        riata.penalty_path(X, y, own("ridge"))
    with pytest.raises(TypeError, match=r"riata.cross_validate_path has cv"):
        riata.penalty_path(X, y, own("lasso"), cv=5)
    with pytest.raises(ValueError, match="t = -1 must be a finite number above 0"):
        check_penalty(own("lasso"), t=[1.0, -1.0])
    with pytest.raises(ValueError, match=r"v = \[nan\] must hold one finite number or more"):
        check_penalty(own("lasso"), v=[math.nan])
    with pytest.raises(TypeError, match=r"penalty = 'lasso' must be what riata\.penalties\.custom"):
        check_penalty("lasso")
    check_penalty(own("lasso"), v=np.linspace(-100, 100, 11), t=[1e-3, 1e3])


def test_a_function_that_fails_in_the_fit_is_named():
    X, y = draw()
    broken = custom(VALUE, lambda v, t: max(v - t, 0.0) + min(v + t, 0.0) if not 20 < abs(v) < 1e6 else math.nan, name="broken")
    with pytest.raises(ValueError, match=r"broken: prox\(v=-?[\d.]+, t=[\de.-]+\) is nan in problem 1, and a finite"):
        solve_penalty(PenaltyBatch(X, np.column_stack([np.zeros(60), 100 * y]), alphas=np.array([1.0, 0.1]),
                                   penalty=broken.engine))
    broken = custom(lambda b: abs(b) if not 20 < abs(b) < 1e6 else math.nan, PROX, name="broken")
    with pytest.raises(ValueError, match=r"broken: value\(b=-?[\d.]+\) is nan in problem 0, and a number of 0 or more"):
        riata.penalty_path(X, 100 * y, broken, alphas=[1.0, 0.1])


def test_results():
    X, y = draw()
    convex, concave = path_of("lasso", X, y), path_of("root", X, y)
    assert "largest gap" in repr(convex)
    assert "largest prox residual" in repr(concave)
    assert "gap" in convex.to_frame().columns
    assert "prox_residual" in concave.to_frame().columns
    assert "residual" in concave.summary()
    again = pickle.loads(pickle.dumps(concave))
    np.testing.assert_array_equal(again.predict(X), concave.predict(X))
    assert again.penalty == concave.penalty
    a, b = custom(*functions("box"), parameter=1.0), custom(*functions("box"), parameter=2.0)
    assert a.engine.at[:2] == b.engine.at[:2]                 # compiled once


def test_compiled_functions_are_kept_on_disk(tmp_path):
    source = (Path(__file__).parent / "own_penalties.py").read_text()
    (tmp_path / "own_penalties.py").write_text(source)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        return subprocess.run([sys.executable, str(tmp_path / "script.py")], env=environment, capture_output=True, text=True,
                              check=True).stdout.split()

    assert run() == ["True", "False"]
    assert run() == ["True", "True"]
    (tmp_path / "own_penalties.py").write_text(source.replace("return math.log1p(abs(b) / width)",
                                                              "return math.log1p(abs(b) * (1 / width))"))
    assert run() == ["True", "False"]


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match="pip install numba"):
        custom(lambda b: abs(b), lambda v, t: max(v - t, 0.0) + min(v + t, 0.0))
