"""cpu/ and cuda/ have the same functions with the same arguments."""

import importlib
import inspect

import pytest

MODULES = ("arrays", "dropout", "philox", "rows")


def functions(module):
    """Public functions that are written in a module, Python's or Cython's."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_") and callable(thing) and getattr(thing, "__module__", None) in (module.__name__, None)
    }


@pytest.mark.parametrize("name", MODULES)
def test_names_and_arguments_agree(name):
    cpu, cuda = (importlib.import_module(f"riata_engine.{side}.{name}") for side in ("cpu", "cuda"))
    ours = {key: thing for key, thing in functions(cpu).items() if key not in ("rate_in_bits", "lane_of", "word_of")}
    assert ours
    for key, function in ours.items():
        assert key in vars(cuda), f"cuda/{name} lacks {key}"
        assert str(inspect.signature(getattr(cuda, key))) == str(inspect.signature(function)), key


def test_operations_and_their_words_agree():
    from riata_engine.cpu import rows as cpu
    from riata_engine.cuda import rows as cuda

    assert set(cuda.OPS) == set(cpu.OPS)
    assert cuda.FORMS == cpu.FORMS
    assert cuda.REASONS == cpu.REASONS
