"""What only a real GPU can do: large arrays, other libraries' arrays. Skipped in the simulator."""

import numpy as np
import pytest
from arrays_of_both import fetched, sent
from numba import cuda
from scipy import special

import riata.functional as F
from riata_engine.backend import simulated

pytestmark = pytest.mark.skipif(simulated(), reason="no GPU: kernels run in the simulator")


@pytest.mark.parametrize("rate", [0.5, 0.3, 1e-6])
def test_large_masks_are_the_same(rate):
    n = 3_000_001
    found = F.dropout_mask(n, rate, seed=5, stream=2**40, index=12_345, backend="cuda")
    np.testing.assert_array_equal(fetched(found), F.dropout_mask(n, rate, seed=5, stream=2**40, index=12_345))


@pytest.mark.parametrize("shape", [(2000, 1000), (3, 100_003), (100_000, 10)])
def test_large_rows(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = special.softmax(x.astype(float), axis=-1)
    np.testing.assert_allclose(fetched(F.softmax(sent(x))), expected, rtol=2e-6)
    p = expected.astype(np.float32)
    q = np.roll(p, 1, axis=0)
    np.testing.assert_allclose(
        fetched(F.kl_divergence(sent(p), sent(q), normalize=True)), F.kl_divergence(p, q, normalize=True), rtol=2e-5
    )


class Foreign:
    """An array of another library: nothing but the interface."""

    def __init__(self, array):
        self.kept = array
        self.__cuda_array_interface__ = array.__cuda_array_interface__


def test_arrays_of_other_libraries_are_taken_without_a_copy():
    x = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    out = cuda.device_array(x.shape, x.dtype)
    F.softmax(Foreign(sent(x)), out=Foreign(out))
    np.testing.assert_allclose(fetched(out), F.softmax(x), rtol=2e-6)


def test_two_runs_have_the_same_bits():
    x = sent(np.random.default_rng(0).standard_normal((500, 3000)).astype(np.float32))
    np.testing.assert_array_equal(fetched(F.softmax(x)), fetched(F.softmax(x)))
