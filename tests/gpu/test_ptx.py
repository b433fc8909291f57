"""Every kernel through the real compiler, without a GPU: in a child process, because this one may run the simulator."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from riata_engine.backend import devices


def missing():
    if find_spec("numba_cuda") is None:
        return "numba-cuda is not installed"
    return "" if devices() or find_spec("nvidia") else "nvidia-cuda-nvrtc and nvidia-nvvm are not installed"


@pytest.mark.skipif(bool(missing()), reason=f"{missing()}: pip install 'riata[cuda]' 'nvidia-cuda-nvrtc==13.*' 'nvidia-nvvm==13.*'")
@pytest.mark.parametrize("capability", ["80", "90"])
def test_every_kernel_compiles(capability):
    script = Path(__file__).parent / "ptx.py"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0"}
    done = subprocess.run([sys.executable, str(script), capability], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 20
    for line in lines:                                # float32 is not done in float64, but for one logarithm of a row
        name, doubles = line.split()[0], int(line.split()[-4])
        if name.startswith("multiply") and name.endswith("float32"):
            assert doubles == 0, line
        elif name.endswith("float32"):
            assert doubles <= 64, line
