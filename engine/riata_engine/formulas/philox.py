"""Philox4x32-10: random words that depend only on (seed, stream, position).

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The counter (a, b, c, d) and the
key (k0, k1) are 32-bit words; riata puts the position in (a, b), the stream in (c, d) and the seed in the key, low
word first.

The masks do nothing in C, where the words are 32 bits wide; where integers are wider (Python, numba) they keep the
same bits.
"""

try:
    import cython
except ImportError:
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def philox4x32(
    a: cython.uint, b: cython.uint, c: cython.uint, d: cython.uint, k0: cython.uint, k1: cython.uint
) -> tuple[cython.uint, cython.uint, cython.uint, cython.uint]:
    """Ten rounds of Philox on one counter: four words in, four words out."""
    m0: cython.ulonglong = 0xD2511F53
    m1: cython.ulonglong = 0xCD9E8D57
    w0: cython.ulonglong = 0x9E3779B9
    w1: cython.ulonglong = 0xBB67AE85
    word: cython.ulonglong = 0xFFFFFFFF
    p0: cython.ulonglong
    p1: cython.ulonglong
    r: cython.int
    for r in range(10):  # noqa: B007
        p0 = m0 * a
        p1 = m1 * c
        a = ((p1 >> 32) & word) ^ b ^ k0
        c = ((p0 >> 32) & word) ^ d ^ k1
        b = p1 & word
        d = p0 & word
        k0 = (k0 + w0) & word
        k1 = (k1 + w1) & word
    return a, b, c, d
