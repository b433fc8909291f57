"""The functions of a penalty that a user brings, at addresses: ``Value`` and ``Prox`` in cpu/own_penalty.pxd."""

from numba import types

from riata_engine.jit.addresses import EXACT

FLOAT = types.float64
SIGNATURES = {"value": FLOAT(FLOAT, FLOAT), "prox": FLOAT(FLOAT, FLOAT, FLOAT)}
OPTIONS = {"nopython": True, **EXACT}


def functions_of(value, prox):
    """The two as Python functions, of njit functions (b, a) and (v, t, a)."""
    def value_at(b, a):
        return value(b, a)

    def prox_at(v, t, a):
        return prox(v, t, a)

    return {"value": value_at, "prox": prox_at}
