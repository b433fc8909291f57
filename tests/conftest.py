"""What every test leaves behind it."""

import sys

import pytest


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
