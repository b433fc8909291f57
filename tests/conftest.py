"""What every test leaves behind it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_figures_left():
    """Matplotlib keeps every figure, and warns from the twenty-first on."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
