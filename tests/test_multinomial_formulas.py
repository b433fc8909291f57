"""The formulas of the multinomial loss and its gap, as plain Python."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

FORMULAS = Path(__file__).resolve().parents[1] / "engine" / "riata_engine" / "formulas"


def formulas(name):
    spec = importlib.util.spec_from_file_location(name, FORMULAS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rows, shifts = formulas("multinomial"), formulas("multinomial_shift")


def loss(c, eta):
    top = eta.max()
    return top + np.log(np.exp(eta - top).sum()) - eta[c]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("s", [1.0, 0.999, 0.5, 1e-3])
def test_the_divergence_is_the_gap_of_a_row(seed, s):
    """ℓ + ℓ* − ⟨u, η⟩ at u = s (p − e_c), with ℓ* the negative entropy of q."""
    rng = np.random.default_rng(seed)
    eta, c = rng.normal(scale=3, size=5), seed
    p = np.exp(eta - eta.max())
    p /= p.sum()
    q = np.eye(5)[c] + s * (p - np.eye(5)[c])
    slow = loss(c, eta) + (q * np.log(q)).sum() - (q - np.eye(5)[c]) @ eta
    fast = rows.shrunk_divergence(p[c], p.sum() - p[c], np.log(p[c]), s)
    assert fast == pytest.approx(slow, abs=1e-13)
    assert fast >= 0


def test_the_divergence_at_extreme_arguments():
    for chosen, others, logarithm in ((0.0, 1.0, -1e4), (1.0, 0.0, 0.0), (1.0, 1e-300, 0.0)):
        for s in (1.0, 0.5, 1e-12, 0.0):
            value = rows.shrunk_divergence(chosen, others, logarithm, s)
            assert np.isfinite(value)
            assert value >= 0


@pytest.mark.parametrize(("l1", "l2"), [(1.0, 0.0), (0.5, 0.5), (0.0, 2.0), (1e4, 1e-4)])
def test_fenchel_young(l1, l2):
    """Never below 0, and 0 exactly at subgradients; the conjugate by a grid."""
    grid = np.linspace(-60, 60, 240_001)
    penalty = l1 * np.abs(grid) + l2 / 2 * grid**2
    for b in (-2.0, 0.0, 0.7):
        own = l1 * abs(b) + l2 / 2 * b * b
        for g in (-3.0, -0.5, 0.0, 0.4, 0.9):
            value = rows.fenchel_young(b, g, l1, l2)
            if l2 == 0 and abs(g) > l1:
                assert value == np.inf
                continue
            conjugate = max((g * grid - penalty).max(), 0.0)
            assert value == pytest.approx(own + conjugate - g * b, abs=1e-6)
            assert value >= 0
        subgradient = l1 * np.sign(b) + l2 * b
        assert rows.fenchel_young(b, subgradient, l1, l2) <= 1e-12 * (1 + abs(l1))
    assert np.isfinite(rows.fenchel_young(1e4, -1e4, l1, max(l2, 1.0)))


@pytest.mark.parametrize(("l1", "l2"), [(1.0, 0.0), (0.5, 0.5), (0.0, 2.0), (0.0, 0.0), (3.0, 1e-6)])
def test_the_best_shift(l1, l2):
    rng = np.random.default_rng(0)
    for K in (2, 3, 4, 9):
        for _ in range(20):
            b = np.round(rng.normal(size=K), 1) * (rng.random(K) < 0.7)
            t = shifts.best_shift(b, K, l1, l2)

            def penalty(t, b=b):
                return (l1 * np.abs(b - t) + l2 / 2 * (b - t) ** 2).sum()

            assert penalty(t) <= min(penalty(u) for u in [*np.linspace(-3, 3, 601), *b]) + 1e-12
    if l1 > 0:
        assert shifts.best_shift(np.array([0.0, 0.0, 3.0]), 3, l1, 0.0) == 0
    if l1 == 0:
        assert shifts.best_shift(np.array([1.0, 2.0, 6.0]), 3, l1, l2) == pytest.approx(3.0)
