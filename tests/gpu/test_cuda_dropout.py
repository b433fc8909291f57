"""Masks are the same bits on the CPU and on the device, and so are the products."""

import numpy as np
import pytest
from arrays_of_both import fetched, sent
from numba import cuda

import riata.functional as F
from riata_engine.cpu import philox as of_cpu
from riata_engine.cuda import philox as of_cuda

RATES = (0.0, 0.5, 0.25, 0.3, 0.9, 1e-6, 1 - 1e-6)
SEED, STREAM = 0x0123456789ABCDEF, 0xFEDCBA9876543210


@pytest.mark.parametrize("first", [0, 2**32 - 3, 2**63 - 2, 2**64 - 5])
@pytest.mark.parametrize("n", [1, 37])
def test_words_are_the_same(first, n):
    expected, found = np.empty(n, np.uint32), cuda.device_array(n, np.uint32)
    of_cpu.fill(expected, SEED, first, STREAM)
    of_cuda.fill(found, SEED, first, STREAM)
    np.testing.assert_array_equal(fetched(found), expected)


def test_known_answer():
    found = cuda.device_array(4, np.uint32)
    of_cuda.fill(found, 0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E)
    assert [f"{word:08x}" for word in fetched(found)] == ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("n", "index"), [(550, 0), (40, 8191), (40, 2**63 - 70)])
def test_masks_are_the_same(rate, n, index):
    key = {"seed": SEED, "stream": STREAM, "index": index}
    found = F.dropout_mask(n, rate, backend="cuda", **key)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(fetched(found), F.dropout_mask(n, rate, **key))


def test_masks_of_several_blocks_and_shapes_pack():
    n = 4096 + 37  # of one bit, a block makes 4096
    np.testing.assert_array_equal(fetched(F.dropout_mask(n, seed=3, index=5, backend="cuda")), F.dropout_mask(n, seed=3, index=5))
    assert F.dropout_mask((3, 5), 0.3, seed=1, backend="cuda").shape == (3, 5)
    assert F.dropout_mask((0, 5), 0.3, seed=1, backend="cuda").shape == (0, 5)
    packed = F.dropout_mask((3, 7), 0.3, seed=4, packed=True, backend="cuda")
    np.testing.assert_array_equal(fetched(packed), F.dropout_mask((3, 7), 0.3, seed=4, packed=True))


@pytest.mark.parametrize(("rate", "real"), [(0.5, np.float32), (0.3, np.float32), (1e-6, np.float64)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_products_and_gradients_are_the_same(rate, activation, real):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((13, 7)).astype(real), rng.standard_normal((13, 7)).astype(real)
    x[0, 0] = np.nan
    settings = {"seed": 11, "stream": 5, "index": 3, "activation": activation}
    on_it = sent(x)
    y = F.dropout(on_it, rate, **settings)
    np.testing.assert_array_equal(fetched(y), F.dropout(x, rate, **settings))
    assert y.dtype == real
    forward = {} if activation is None else {"forward": on_it}
    expected = F.dropout_backward(g, rate, **settings, **({} if activation is None else {"forward": x}))
    np.testing.assert_array_equal(fetched(F.dropout_backward(sent(g), rate, **settings, **forward)), expected)
    assert F.dropout(on_it, rate, out=on_it, **settings) is on_it
    np.testing.assert_array_equal(fetched(on_it), fetched(y))


@pytest.mark.parametrize("shared", [1, (1, 2), 0, (0, 1, 2)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_channels_are_the_same(shared, activation):
    x = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)
    settings = {"seed": 2, "shared_axes": shared, "activation": activation}
    np.testing.assert_array_equal(fetched(F.dropout(sent(x), 0.4, **settings)), F.dropout(x, 0.4, **settings))


def test_a_part_with_its_index_has_its_part_of_the_mask():
    x = np.ones((6, 5), np.float32)
    whole = fetched(F.dropout(sent(x), 0.3, seed=1))
    np.testing.assert_array_equal(fetched(F.dropout(sent(x[4:]), 0.3, seed=1, index=20)), whole[4:])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda d: F.dropout(sent(np.ones(3, np.int64)), seed=0), TypeError, "x has dtype int64; give float32 or float64"),
        (lambda d: F.dropout(d, seed=0, out=np.empty((2, 3))), TypeError, "out lies on the host"),
        (lambda d: F.dropout(np.ones((2, 3)), seed=0, out=d), TypeError, "give a numpy array"),
        (lambda d: F.dropout(d, seed=0, out=cuda.device_array((3, 2))), ValueError, "out has shape"),
        (lambda d: F.dropout(sent(np.ones(6))[:5], seed=0, out=None, rate=1.0), ValueError, "rate = 1.0"),
        (
            lambda d: F.dropout_backward(d, seed=0, activation="relu", forward=np.ones((2, 3))),
            TypeError,
            "forward lies on the host",
        ),
        (lambda d: F.dropout_mask(3, seed=0, backend="tpu"), ValueError, "backend='tpu' is not one of"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call(sent(np.ones((2, 3))))


def test_an_output_that_lies_askew_is_refused():
    memory = sent(np.ones(7))
    with pytest.raises(ValueError, match="askew"):
        F.dropout(memory[:6], seed=0, out=memory[1:])
