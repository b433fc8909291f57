"""Which solver: by what each would cost."""

import numpy as np

#: a Gram matrix below this many bytes needs no look at the memory
SMALL = 2**26
#: bytes that a kernel takes for each of its entries: itself, its eigenvectors, and their work space
KERNEL = 32
#: what a working-set path costs besides its Gram matrix, in flops an entry of X: about fifteen passes of ten residuals each, at
#: 2 flops, and those run at a third of the speed of a Gram matrix
PASSES = 900
#: what the rounds of a working-set path cost beside their arithmetic, in flops a problem
ROUNDS = 1.5e8
#: what an entry of a Gram matrix costs beside its products, and of a fold's: written and read several times, in flops
ENTRY, FOLD_ENTRY = 100, 1000
#: what a path by residual descent costs, in flops a stored entry of X: passes and epochs. Up to ten times as much where columns
#: are much alike
DESCENT = 1400
#: elastic nets of dense X go by residual descent up to so many rows, from so many columns a row, and up to this l1_ratio: a step
#: costs no more than in Gram space there, and nothing has to be formed; nearer to a lasso epochs are many, and Newton steps pay.
#: Whatever is solved together goes the same way as alone
FEW_ROWS, WIDE, SMOOTH = 200, 8, 0.6
#: what Newton's method on the dual of a bounded ridge costs a problem and alpha, in flops for each n² p, and for each alpha of a
#: weight group beside its arithmetic; the rows up to which it pays where no Gram matrix fits
DUAL, DUAL_ALPHA, ROWS = 20, 5e7, 2000
#: what a bounded ridge costs in Gram space, in flops an entry of the Gram matrix for each problem and alpha: half of the features
#: or more are in its support
SUPPORT = 120
#: columns of Z that Newton's method on the dual looks at together, and its n × n matrices: the Hessian, the next one, and what
#: is added to it or what LAPACK makes of it
BLOCK, HESSIANS = 512, 4
#: stored share of a sparse matrix above which column gathers into dense storage pay
DENSE = 0.2


def choose(wish, form, alphas, options):
    """Name of the solver to use; ``wish`` is "auto" or a name.

    Raises
    ------
    ValueError
        If the solver asked for cannot solve this batch.
    MemoryError
        If it is "dual_newton" and its matrices do not fit the memory allowed.
    """
    pure_ridge = options.some_ridge and not options.bounded and not options.l1_ratio.any()
    if wish == "kernel" and not pure_ridge:
        raise ValueError("solver='kernel' solves l1_ratio=0 without bounds only: use solver='auto'")
    if wish == "least_squares" and (options.bounded or np.any(alphas > 0)):
        raise ValueError("solver='least_squares' solves alphas=0 without bounds only: use solver='auto'")
    n, p = form.shape
    if wish == "dual_newton" and not _bounded_ridge(form, alphas, options):
        raise ValueError("solver='dual_newton' solves l1_ratio=0 with bounds, alphas > 0 and a penalty on every feature: "
                         "use solver='auto'")
    L = alphas.shape[1]
    if wish == "dual_newton" and not _dual_fits(n, p, L, options):
        raise MemoryError(f"solver='dual_newton' needs {sum(dual_bytes(n, p, L)) / 2**20:.3g} MiB for its matrices of {n} x {n}, "
                          f"and {options.max_memory / 2**20:.3g} MiB are allowed: use solver='auto'")
    if wish != "auto":
        return wish
    B, G = form.n_problems, form.V.shape[1]
    X = form.design.X
    dense = isinstance(X, np.ndarray)
    density = 1.0 if dense else X.nnz / max(1, n * p)
    if pure_ridge and p > n and (KERNEL * n * n <= SMALL or KERNEL * n * n < options.max_memory):
        return "kernel"
    if smooth_on_few_rows(form, alphas, options):
        return "residual"
    sums = 1 if form.held_out is not None or G == 1 else G               # Gram matrices accumulated from rows
    gram_flops = n * p * p * density * sums + (ENTRY if G == 1 else FOLD_ENTRY) * G * p * p
    fits = gram_fits(form, options)
    if n < p and options.bounded and not options.l1_ratio.any():         # its support is not limited by n
        costs = {}
        if fits:
            costs["gram"] = gram_flops + SUPPORT * p * p * B * L
        if dual_serves(form, alphas, options):
            costs["dual_newton"] = DUAL * n * n * p * B * L + DUAL_ALPHA * G * L
        if density <= DENSE:
            costs["residual"] = DESCENT * n * p * density * B
        if costs:
            return min(costs, key=costs.get)
    support = min(n, p) / 2
    if dense or density > DENSE:
        other_flops = (PASSES * n * p * density + ROUNDS) * B + n * support * support * sums
    else:
        other_flops = DESCENT * n * p * density * B
    if (gram_flops <= other_flops or p <= 128) and fits:
        return "gram"
    if (dense or density > DENSE) and 8 * support * (n + G * support) < options.max_memory:
        return "working_set"
    return "residual"


def smooth_on_few_rows(form, alphas, options):
    """Whether all are elastic nets far from a lasso on few rows of dense X, which need not be copied, or is small."""
    X, (n, p), ratio = form.design.X, form.shape, options.l1_ratio
    if not isinstance(X, np.ndarray) or n > FEW_ROWS or p <= 128 or p < WIDE * n:
        return False
    readable = X.strides[0] == X.itemsize or 8 * n * p <= SMALL
    return readable and bool(np.all((ratio > 0) & (ratio <= SMOOTH))) and (not options.bounded or bool(np.all(alphas > 0)))


def gram_fits(form, options):
    """Whether the Gram matrices of the weight groups, and of their held-out rows, fit."""
    G = form.V.shape[1]
    size = 8 * form.shape[1] ** 2 * (G if G == 1 else 2 * G)
    return size <= SMALL or size < options.max_memory / 2


def dual_serves(form, alphas, options):
    """Whether a bounded ridge can go by Newton's method on its dual: more features than rows, and not too many of these."""
    n, p = form.shape
    return n < p and n <= ROWS and _bounded_ridge(form, alphas, options) and _dual_fits(n, p, alphas.shape[1], options)


def _bounded_ridge(form, alphas, options):
    """Whether all is ridge within bounds with a penalty on every feature."""
    if not options.bounded or options.l1_ratio.any() or not np.all(alphas > 0) or len(form.free):
        return False
    return bool((form.f2[:, (form.lower < 0) | (form.upper > 0)] > 0).all())


def dual_bytes(n, p, L):
    """Bytes that Newton's method on the dual takes: for any number of problems, and for each it solves at once, of L alphas."""
    columns = min(p, BLOCK)
    return 8 * (3 * n * columns + n * n), 8 * (HESSIANS * n * n + n * columns + 2 * L * (n + p) + 4 * p)


def _dual_fits(n, p, L, options):
    """Whether one problem does; what the system has is asked only where it matters."""
    size = sum(dual_bytes(n, p, L))
    return (options.memory_limit is None and size <= SMALL) or size <= options.max_memory
