"""Every kernel through the real compiler, without a GPU: in a child process, because this one may run the simulator."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

#: without a driver numba's own numba.cuda compiles nothing
NEEDED = ("numba-cuda", "nvidia-cuda-nvrtc", "nvidia-nvvm")


def missing():
    """Packages that are not installed."""
    found = []
    for name in NEEDED:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(name)
    return found


@pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}; pip install 'riata[cuda]' nvidia-nvvm")
@pytest.mark.parametrize("capability", ["80", "90"])
def test_every_kernel_compiles(capability):
    script = Path(__file__).parent / "ptx.py"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0"}
    done = subprocess.run([sys.executable, str(script), capability], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 20
    for line in lines:  # float32 is not done in float64, but for one logarithm of a row
        name, doubles = line.split()[0], int(line.split()[-4])
        if name.startswith("multiply") and name.endswith("float32"):
            assert doubles == 0, line
        elif name.endswith("float32"):
            assert doubles <= 64, line
