cdef enum:                                    # codes of solvers/path_store.py that compiled loops give
    CONVERGED = 0
    MAX_ITER = 1
    TIME_BUDGET = 2
    NOT_FINITE = 3
    SKIPPED = 5
