"""Imports go only downward, as docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "engine" / "riata_engine"
THIN = ROOT / "python" / "riata"

#: levels of the engine, lowest first; what is not named here sits beside the backend
LEVELS = {"formulas": 0, "cpu": 1, "cuda": 1, "jit": 1, "backend": 2, "solvers": 3, "batch": 4, "ragged": 4, "concave": 4,
          "slope": 4, "rows": 4, "dropout": 4, "groups": 4, "margins": 5, "cox": 4, "multinomial": 4, "custom": 4,
          "descent": 5, "nets": 4}
#: what the thin package may import of the engine
DOORS = {"riata_engine.batch", "riata_engine.custom", "riata_engine.ragged", "riata_engine.concave", "riata_engine.cox",
         "riata_engine.groups",
         "riata_engine.margins", "riata_engine.multinomial", "riata_engine.slope", "riata_engine.backend", "riata_engine.random",
         "riata_engine.memory", "riata_engine.rows", "riata_engine.dropout", "riata_engine.descent", "riata_engine.nets"}
#: libraries that the thin package may import inside a function only
LAZY = {"sklearn", "pandas", "polars", "pyarrow", "matplotlib", "typer", "rich", "numba", "onnx", "onnxruntime"}
#: parts of the thin package that are themselves imported lazily, and what they may load at once
OPEN = {"linear_model": {"sklearn"}, "neural_network": {"sklearn"}, "feature_selection": {"sklearn"}, "svm": {"sklearn"},
        "cli": {"typer", "rich"}}


def python_files(package):
    return sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path, package):
    parts = list(path.relative_to(package.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path, package, top_level_only=False):
    """Full names of the modules that a file imports (`from a import b` gives a.b, `from . import c` its full name)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _at_import(tree) if top_level_only else ast.walk(tree)
    here = module_name(path, package).split(".")
    inside = here if path.name == "__init__.py" else here[:-1]
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                base = [".".join(inside[:len(inside) - node.level + 1] + base)]
            names += [f"{base[0]}.{alias.name}" for alias in node.names]
    return names


def _at_import(tree):
    """Nodes that run when the module is imported: not the bodies of functions."""
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)


def level_of(name):
    part = name.split(".")[1] if "." in name else ""
    return LEVELS.get(part, LEVELS["backend"])


@pytest.mark.parametrize("path", python_files(ENGINE), ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_imports_downward_and_knows_no_tables(path):
    mine = module_name(path, ENGINE)
    for name in imported(path, ENGINE):
        library = name.split(".")[0]
        assert library not in {"riata", "sklearn", *LAZY} - {"numba"}, f"{mine} imports {name}"
        if library == "riata_engine":
            assert level_of(name) <= level_of(mine), f"{mine} imports {name}, which is above it"
            for one, other in (("cpu", "cuda"), ("cuda", "cpu")):
                assert not (mine.startswith(f"riata_engine.{one}") and name.startswith(f"riata_engine.{other}"))


@pytest.mark.parametrize("path", python_files(THIN), ids=lambda path: str(path.relative_to(THIN)))
def test_the_thin_package_uses_the_doors_of_the_engine(path):
    for name in imported(path, THIN):
        if name.split(".")[0] == "riata_engine":
            allowed = any(name == door or name.startswith(f"{door}.") for door in DOORS)
            assert allowed or name.startswith("riata_engine.formulas."), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", python_files(THIN), ids=lambda path: str(path.relative_to(THIN)))
def test_optional_libraries_are_imported_where_they_are_used(path):
    allowed = OPEN.get(path.relative_to(THIN).parts[0], set())
    for name in imported(path, THIN, top_level_only=True):
        assert name.split(".")[0] not in LAZY - allowed, f"{path.name} imports {name} at its top"


def test_modules_of_the_thin_package_do_not_import_each_other_in_a_circle():
    files = {module_name(path, THIN): path for path in python_files(THIN)}
    edges = {}
    for module, path in files.items():
        names = [name for name in imported(path, THIN, top_level_only=True) if name.startswith("riata.")]
        targets = {name if name in files else name.rpartition(".")[0] for name in names}
        edges[module] = {target for target in targets if target in files and target not in ("riata", module)}
    done = set()
    while len(done) < len(edges):
        free = {module for module in edges if module not in done and edges[module] <= done}
        assert free, f"a circle among {sorted(set(edges) - done)}"
        done |= free


def test_the_rules_see_a_violation(tmp_path):
    """The checker itself: relative imports, nested functions and plain imports are read for what they are."""
    package = tmp_path / "riata"
    (package / "inner").mkdir(parents=True)
    file = package / "inner" / "module.py"
    file.write_text("import numba.cuda\nfrom . import a\nfrom ..b import c\n\ndef f():\n    from sklearn import base\n")
    assert imported(file, package) == ["numba.cuda", "riata.inner.a", "riata.b.c", "sklearn.base"]
    assert sorted(imported(file, package, top_level_only=True)) == ["numba.cuda", "riata.b.c", "riata.inner.a"]
