"""Make the environments that hold the peers: adelie 1.1.52 needs numpy < 2; those of few rows stay out of the others' way.

    python environment.py [--root DIR]        default: build/ at the top of the repository

An environment that is there with the same list of packages is kept. Prints one line per environment; one that cannot be
made is a reason in the table and no error.
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {
    "peers-venv": ["scikit-learn>=1.9.1", "celer>=0.7.4", "skglm>=0.5", "glmstar>=0.6"],
    "peers-adelie": ["adelie==1.1.52"],
    "peers-more": ["glum>=3.4.1", "sortedl1>=1.11"],
    "peers-torch": ["torch==2.13.0", "numpy>=2", "scipy"],
}


def python_of(name, root=TOP / "build"):
    """The interpreter of an environment (which may not be there)."""
    return Path(root) / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(name, root=TOP / "build"):
    """Make one environment; return None or the reason why it could not be made."""
    packages = ENVIRONMENTS[name]
    mark = Path(root) / name / "packages.txt"
    if mark.exists() and mark.read_text().split("\n") == packages:
        return None
    venv.create(Path(root) / name, with_pip=True, clear=True)
    command = [str(python_of(name, root)), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        return f"pip install {' '.join(packages)} failed: {lines[-1] if lines else done.returncode}"
    mark.write_text("\n".join(packages))
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=TOP / "build", type=Path)
    root = parser.parse_args().root
    for name in ENVIRONMENTS:
        print(f"{name}: {make(name, root) or 'ready'}")


if __name__ == "__main__":
    main()
