"""The kernels of cuda/ on a GPU where there is one, else in numba's simulator, which must be chosen before numba is imported."""

import os
import sys
from importlib.util import find_spec

from riata_engine.backend import devices, simulated

if find_spec("numba") is None:
    collect_ignore_glob = ["test_*.py"]
elif "NUMBA_ENABLE_CUDASIM" not in os.environ and devices() == 0:
    assert "numba" not in sys.modules, "numba was imported before its simulator could be chosen"
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"


def pytest_report_header(config):
    """What the kernels run on."""
    return f"kernels run {'in the simulator of numba.cuda' if simulated() else 'on the GPU'}"


def pytest_terminal_summary(terminalreporter):
    """Said under -q too."""
    terminalreporter.write_line(pytest_report_header(None))
