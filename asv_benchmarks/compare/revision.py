"""An interpreter that has another commit of the project, and else the packages of this one."""

import subprocess
import sys
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def git(*arguments):
    return subprocess.run(["git", "-C", str(TOP), *arguments], capture_output=True, text=True, check=True).stdout.strip()


def interpreter(revision, build=TOP / "build"):
    """Build a commit in a temporary worktree and install it into an environment of its own, kept by the commit's hash.

    Returns
    -------
    (str, str)
        The hash and the interpreter's path.

    Raises
    ------
    RuntimeError
        With the end of what git or pip said.
    """
    try:
        commit = git("rev-parse", "--short=10", "--verify", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"REV={revision} is no commit of this repository: {error.stderr.strip()}") from None
    folder = Path(build).resolve() / "compare" / commit
    python = folder / "venv" / "bin" / "python"
    if (folder / "complete").exists():
        return commit, str(python)
    venv.create(folder / "venv", with_pip=True, clear=True)
    shared = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    own = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (own / "shared.pth").write_text("\n".join(shared))       # found after the environment's own packages
    source = folder / "source"
    git("worktree", "add", "--force", "--detach", str(source), commit)
    try:
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        git("worktree", "remove", "--force", str(source))
    if done.returncode:
        raise RuntimeError(f"commit {commit} does not build:\n{done.stderr[-2000:]}")
    (folder / "complete").touch()
    return commit, str(python)
