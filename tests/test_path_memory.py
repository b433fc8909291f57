"""What a path of many features needs beside X, by Linux's high-water mark in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc, sys
from pathlib import Path
import numpy as np
import riata

def resident(name):
    return 1024 * int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0])

n, p = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
X = rng.standard_normal((p, n)).T
y = X[:, :50] @ rng.standard_normal(50) + 4 * rng.standard_normal(n)
riata.fit_path(X[:, :60], y, n_threads=1)                      # code and libraries are loaded before the count
gc.collect()
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
path = riata.fit_path(X, y, alpha_min_ratio=1e-2, n_threads=1)
assert path.solver == "working_set" and set(path.status) == {"converged"} and X.flags.f_contiguous
print((resident("VmHWM") - before) / X.nbytes, np.count_nonzero(path.coef, axis=1).max())
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the high-water mark can only be set back on Linux")
@pytest.mark.parametrize(("n", "p", "most"), [(1000, 10_000, 0.5), (400, 20_000, 0.52)])
def test_a_path_needs_a_part_of_X_beside_it(n, p, most):
    found = subprocess.run([sys.executable, "-c", SCRIPT, str(n), str(p)], capture_output=True, text=True, check=True).stdout
    share, selected = found.split()
    assert int(selected) <= 1000
    assert float(share) <= most
