"""`import riata` is light, and a missing extra says how to get it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import riata

HEAVY = ["numba", "matplotlib", "pandas", "polars", "pyarrow", "sklearn", "typer", "rich"]


def loaded_after(code):
    """Which of the heavy libraries a fresh interpreter has loaded after running `code`."""
    program = f"import sys, json\n{code}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_import_loads_no_heavy_library():
    assert loaded_after("import riata") == []


@pytest.mark.parametrize("call", [
    "riata.fit_path(X, y, alphas=5)", "riata.fit_batch(X, np.c_[y, y], alphas=5)",
    "riata.cross_validate_path(X, y, cv=3, alphas=5)", "riata.fit_path(X, y, alphas=5).summary()"])
def test_a_fit_that_converges_loads_no_heavy_library(call):
    code = "import numpy as np, riata\nX = np.random.default_rng(0).normal(size=(30, 3)); y = X[:, 0] + 1.0\n" + call
    assert loaded_after(code) == []


def test_everything_promised_is_there():
    for name in riata.__all__:
        assert hasattr(riata, name), name
    assert set(riata.__all__) >= {"fit_path", "fit_batch", "cross_validate_path", "nested_cross_validate", "PathResult",
                                  "BatchResult", "CVResult", "load_model", "save_model", "build_info"}
    assert riata.build_info()["max_threads"] >= 1
    assert riata.__version__.count(".") == 2


def test_every_package_is_reached_from_riata_itself():
    """``import riata`` is enough for ``riata.linear_model.Lasso``, as it is with scikit-learn."""
    packages = sorted(path.parent.name for path in Path(riata.__file__).parent.glob("*/__init__.py") if path.parent.name != "cli")
    program = f"import riata\nfor name in {packages!r}:\n    assert getattr(riata, name).__name__ == 'riata.' + name"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert {"linear_model", "nn", "optim"} <= set(packages) <= set(dir(riata))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        assert riata.nothing
