"""What every test leaves behind it."""

import sys
from pathlib import Path

import pytest

ON_A_DEVICE = Path(__file__).parent / "gpu"


@pytest.fixture(autouse=True)
def no_figures_left():
    """Matplotlib keeps every figure, and warns from the twenty-first on."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        from riata.cli import commands

        with pytest.raises(SystemExit) as leaving:
            commands.app([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return leaving.value.code or 0, said.out, said.err
    return run


def pytest_ignore_collect(collection_path, config):
    """numba's simulator and its compiler do not share a process: tests/gpu is run by name, as ``make test`` does."""
    if collection_path == ON_A_DEVICE:
        asked = [Path(argument.split("::")[0]).resolve() for argument in config.args]
        return True if not any(ON_A_DEVICE in (path, *path.parents) for path in asked) else None
    return None
