"""Dropout: the mask that formulas/dropout.py states, whoever makes it; products, gradients, bad input."""

import numpy as np
import pytest

import riata.functional as F
from riata_engine.formulas.dropout import lane_of, rate_in_bits, word_of
from test_philox import filled, formula_without_cython

RATES = (0.0, 0.5, 0.25, 0.3, 0.9, 1e-6, 1 - 1e-6)


def words_of(n, seed, stream):
    return filled(-(-n // 4) * 4, seed, stream=stream)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("index", [0, 1, 8191, 8192, 70_001])
def test_the_mask_is_the_formula(rate, index):
    threshold, bits = rate_in_bits(rate)
    n = 20_000
    lanes = words_of((index + n) * bits // 32 + 1, 7, 9)
    numbers = np.unpackbits(lanes.view(np.uint8), bitorder="little") if bits == 1 else lanes.view(f"<u{bits // 8}")
    kept = numbers[index : index + n] >= threshold
    np.testing.assert_array_equal(F.dropout_mask(n, rate, seed=7, stream=9, index=index), kept)
    for e in (index, index + 1, index + 31, index + n - 1):
        assert (lane_of(int(lanes[word_of(e, bits)]), e % (32 // bits), bits) >= threshold) == kept[e - index]


@pytest.mark.parametrize("bits", [1, 16, 32])
def test_numba_makes_the_same_mask(bits, monkeypatch):
    numba = pytest.importorskip("numba")
    philox = numba.njit(formula_without_cython(monkeypatch))
    word, lane = numba.njit(word_of), numba.njit(lane_of)
    rate = {1: 0.5, 16: 0.3, 32: 1e-5}[bits]
    threshold, found_bits = rate_in_bits(rate)
    assert found_bits == bits
    mask = F.dropout_mask(600, rate, seed=3, stream=2)
    for e in range(0, 600, 7):
        w = int(word(e, bits))
        four = philox(*np.array([w // 4, 0, 2, 0, 3, 0], np.uint32))
        assert (int(lane(np.uint32(four[w % 4]), np.uint32(e % (32 // bits)), np.uint32(bits))) >= threshold) == mask[e]


@pytest.mark.parametrize("rate", RATES)
def test_rates_are_what_they_are_said_to_be(rate):
    exact = F.realised_rate(rate)
    assert abs(exact - rate) <= 1e-3 * min(rate, 1 - rate) + 2**-33
    n = 400_000
    dropped = n - F.dropout_mask(n, rate, seed=5).sum()
    assert abs(dropped - n * exact) <= 5 * np.sqrt(n * exact * (1 - exact)) + 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("activation", [None, "relu"])
def test_products_and_gradients(rate, activation, dtype):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((130, 77)).astype(dtype), rng.standard_normal((130, 77)).astype(dtype)
    key = {"seed": 11, "stream": 5, "index": 3}
    kept = F.dropout_mask(x.shape, rate, **key)
    scale = 1 / (1 - F.realised_rate(rate))
    on = kept & (x > 0) if activation else kept
    y = F.dropout(x, rate, activation=activation, **key)
    np.testing.assert_allclose(y, np.where(on, scale * x.astype(float), 0), rtol=3e-7)
    for forward in (x, y) if activation else (None,):
        found = F.dropout_backward(g, rate, activation=activation, forward=forward, **key)
        np.testing.assert_allclose(found, np.where(on, scale * g.astype(float), 0), rtol=3e-7)
    place = x.copy()
    assert F.dropout(place, rate, activation=activation, out=place, **key) is place
    np.testing.assert_array_equal(place, y)
    np.testing.assert_array_equal(F.dropout(np.asfortranarray(x), rate, activation=activation, **key), y)
    np.testing.assert_array_equal(F.dropout(x[60:], rate, activation=activation, seed=11, stream=5, index=3 + 60 * 77), y[60:])


def test_nothing_comes_through_a_dropped_element():
    x = np.full(1000, np.nan)
    y = F.dropout(x, 0.5, seed=0)
    np.testing.assert_array_equal(np.isnan(y), F.dropout_mask(1000, 0.5, seed=0))
    assert (y[~np.isnan(y)] == 0).all()


@pytest.mark.parametrize("shared", [1, (2, 3), (1, 2), 0, (0, 1, 2, 3)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_one_decision_for_a_row_or_a_channel(shared, activation):
    x = np.random.default_rng(0).standard_normal((6, 5, 4, 3)).astype(np.float32)
    axes = (shared,) if isinstance(shared, int) else shared
    kept = F.dropout_mask([1 if k in axes else m for k, m in enumerate(x.shape)], 0.4, seed=2)
    y = F.dropout(x, 0.4, seed=2, shared_axes=shared, activation=activation)
    on = kept & (x > 0) if activation else kept & np.ones(x.shape, bool)
    np.testing.assert_allclose(y, np.where(on, x / np.float32(1 - F.realised_rate(0.4)), 0), rtol=3e-7)
    g = np.ones_like(x)
    found = F.dropout_backward(g, 0.4, seed=2, shared_axes=shared, activation=activation, forward=x if activation else None)
    np.testing.assert_array_equal(found != 0, on)


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_same_bits_for_any_number_of_threads(rate):
    x = np.random.default_rng(0).standard_normal(300_001).astype(np.float32)
    one = F.dropout(x, rate, seed=1, n_threads=1)
    for threads in (2, 3, None):
        np.testing.assert_array_equal(F.dropout(x, rate, seed=1, n_threads=threads), one)


@pytest.mark.parametrize("rate", [0.5, 0.3, 1e-6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_outputs_have_the_bits_of_new_arrays(rate, dtype):
    """Large outputs are stored past the cache, wherever they begin."""
    x = np.random.default_rng(0).standard_normal(4_300_001).astype(dtype)
    store = np.full(x.size + 10, 7, dtype)
    key = {"seed": 3, "index": 4095, "activation": "relu"}
    out = F.dropout(x, rate, out=store[3 : 3 + x.size], n_threads=2, **key)
    np.testing.assert_array_equal(out, F.dropout(x, rate, **key))
    assert (store[:3] == 7).all()
    assert (store[-7:] == 7).all()
    np.testing.assert_array_equal(out != 0, F.dropout_mask(x.size, rate, seed=3, index=4095) & (x > 0))


def test_streams_and_seeds_differ_and_masks_pack():
    masks = [F.dropout_mask(1000, seed=s, stream=t) for s, t in ((0, 0), (1, 0), (0, 1), (2**40, 0), (0, 2**40))]
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    packed = F.dropout_mask(1001, 0.3, seed=4, packed=True)
    np.testing.assert_array_equal(np.unpackbits(packed, bitorder="little")[:1001], F.dropout_mask(1001, 0.3, seed=4))
    assert packed.nbytes == 126


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rate": 1.0}, ValueError, r"rate = 1.0 must lie in \[0, 1\)"),
        ({"rate": -0.1}, ValueError, "rate = -0.1"),
        ({"rate": np.nan}, ValueError, "rate"),
        ({"seed": -1}, ValueError, "seed = -1"),
        ({"seed": 0.5}, TypeError, "seed = 0.5"),
        ({"index": 2**63}, ValueError, "index"),
        ({"shared_axes": (0, 2)}, ValueError, "not adjacent"),
        ({"shared_axes": 3}, ValueError, "shared_axes = 3"),
        ({"activation": "tanh"}, ValueError, "activation = 'tanh'"),
        ({"out": np.empty(3)}, ValueError, "out has shape"),
        ({"rate": "a"}, ValueError, "rate = 'a'"),
        ({"shared_axes": ("a",)}, TypeError, r"shared_axes = \('a',\)"),
        ({"shared_axes": 1.5}, TypeError, "shared_axes = 1.5"),
        ({"n_threads": -1}, ValueError, "n_threads = -1"),
    ],
)
def test_bad_arguments(settings, error, message):
    with pytest.raises(error, match=message):
        F.dropout(np.ones((2, 3, 4)), **{"seed": 0, **settings})


@pytest.mark.parametrize("shape", [-1, (-1,), 2.5, "a", (2**40, 2**40)])
def test_bad_shapes_of_a_mask(shape):
    with pytest.raises(ValueError, match=r"^shape = "):
        F.dropout_mask(shape, seed=0)


def test_backward_says_what_it_needs():
    with pytest.raises(ValueError, match="needs forward="):
        F.dropout_backward(np.ones(3), seed=0, activation="relu")
    with pytest.raises(ValueError, match="forward is given"):
        F.dropout_backward(np.ones(3), seed=0, forward=np.ones(3))
    with pytest.raises(ValueError, match="forward has shape"):
        F.dropout_backward(np.ones(3), seed=0, forward=np.ones(4), activation="relu")
