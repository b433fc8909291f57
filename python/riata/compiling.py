"""What is said where numba cannot compile the functions that a user brings."""

from contextlib import contextmanager

from riata_engine.custom import NotCompiled


@contextmanager
def compiling(owner, what, signatures):
    """Compile the functions of ``owner``, "a loss" or "a penalty"; ``signatures`` (name -> arguments) are those it takes.

    Raises
    ------
    ImportError
        Where numba is not installed.
    TypeError
        Naming the function that numba cannot compile.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(f"{owner.name}: {what} of your own is compiled by numba, which is not installed: "
                          "pip install numba") from error
    except NotCompiled as error:
        arguments = ", ".join([signatures[error.function]] + ["a"] * (owner.parameter is not None))
        raise TypeError(f"{owner.name}: numba cannot compile {error.function}({arguments}), which must take numbers and return "
                        f"one, by Python's arithmetic, math and numpy: {error}") from None
