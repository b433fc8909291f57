"""Benchmarks of riata. One thread for BLAS, set before numpy is loaded, so that runs can be compared."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
