"""One module per solver: ``VERSION`` and, of the tasks of rows.py, functions for those that the solver can do.

Arguments are the arrays of the row (``exchange.read_data``) and the solver's own tolerance. Results are
``(coef (rows, p), intercept)``; for ``cv`` held-out mean squared errors (l1_ratio, alpha, fold), and the refit or None.
The penalty is alpha·(l1_ratio·|b|_1 + (1 - l1_ratio)/2·|b|²) beside the mean of half the squared errors; a module that
has to translate it says how. ``prepare(data)``, where a module has it, puts the arrays into the package's
own form outside of the clock.
"""

import os

#: the runner's --threads, as it reaches a worker (process.py)
N_THREADS = int(os.environ.get("OMP_NUM_THREADS") or 1)
