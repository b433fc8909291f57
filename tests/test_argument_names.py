"""Names of scikit-learn and glmnet in a call of a native function: the error names the right word."""
from inspect import signature

import numpy as np
import pytest

import riata
from riata.argument_names import ELSEWHERE, NAMES, NEEDLESS

FUNCTIONS = {function.__name__: function for function in (
    riata.fit_path, riata.fit_batch, riata.cross_validate_path, riata.nested_cross_validate, riata.bootstrap_path,
    riata.permutation_test, riata.adaptive_path)}
X, y = np.eye(6), np.arange(6.0)


def message(function, name):
    with pytest.raises(TypeError) as caught:
        FUNCTIONS[function](X, y, **{name: 1})
    text = str(caught.value)
    assert text.startswith(f"{function}() got an unexpected keyword argument {name!r}: ")
    return text.split(": ", 1)[1]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("y", "Y", "x")])
def test_other_names_are_translated(function, name):
    right = NAMES[name][0]
    said = message(function, name)
    if right in signature(FUNCTIONS[function]).parameters:
        assert said.startswith(f"it is called {right} here")
    else:
        assert right in ELSEWHERE
        assert f"riata.{ELSEWHERE[right]} has {right}, {function} has not" in said


def test_the_table_names_arguments_that_exist():
    known = set().union(*(signature(function).parameters for function in FUNCTIONS.values()))
    for name, function in ELSEWHERE.items():
        assert name in signature(FUNCTIONS[function]).parameters
    assert {right for right, _ in NAMES.values()} | ELSEWHERE.keys() <= known
    assert not (NAMES.keys() | NEEDLESS.keys()) & (known - {"y", "Y"})


@pytest.mark.parametrize(("function", "name", "said"), [
    ("fit_path", "max_iter", "it is called max_epochs here"),
    ("fit_path", "alpha", "it is called alphas here (alphas=[0.1] is one penalty strength; the mix that glmnet calls alpha "
                          "is l1_ratio)"),
    ("cross_validate_path", "random_state", "it is called seed here (an int)"),
    ("fit_path", "random_state", "nothing is random here, leave it out; riata.cross_validate_path has seed, fit_path has not"),
    ("fit_path", "cv", "riata.cross_validate_path has cv, fit_path has not"),
    ("fit_batch", "n_folds", "it is called cv here"),
    ("nested_cross_validate", "copy_X", "leave it out, X is never changed"),
    ("fit_path", "max_memory", "riata.fit_batch has max_memory, fit_path has not"),
    ("fit_path", "standardze", "did you mean standardize?"),
    ("fit_batch", "y", "it is called Y here (targets (n,) or (n, B))"),
    ("fit_path", "Y", "it is called y here (one target; riata.fit_batch takes many)"),
])
def test_what_is_said(function, name, said):
    assert message(function, name) == said


def test_a_name_like_no_other_is_answered_with_all_names():
    assert message("fit_path", "qqq") == f"it has {', '.join(signature(riata.fit_path).parameters)}"


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_signatures_stay_explicit(function):
    kinds = {parameter.kind.name for parameter in signature(function).parameters.values()}
    assert kinds == {"POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"}
    assert function.__doc__


def test_the_warning_points_at_the_caller():
    with pytest.warns(match="not plainly converged") as caught:
        riata.fit_path(np.column_stack([y, y**2, y**3]), y**4, alphas=[1e-3], max_epochs=1, solver="residual")
    assert caught[0].filename == __file__
