"""Arrays there and back."""

import numpy as np
from numba import cuda

from riata_engine.backend import on_device


def sent(array):
    """A copy on the device."""
    return cuda.to_device(np.ascontiguousarray(array))


def fetched(answer):
    """What a function gave for arrays on the device; numbers stay numbers."""
    if isinstance(answer, tuple):
        return tuple(fetched(part) for part in answer)
    return answer.copy_to_host() if on_device(answer) else answer
