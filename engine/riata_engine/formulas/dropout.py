"""Which elements dropout keeps: a number that Philox gives to (seed, stream, index), against a threshold.

Element e of a stream reads the `bits` low bits of word (e·bits) // 32 of the stream, moved down by (e·bits) mod 32; word w is
word w mod 4 of Philox's counter w // 4. It is kept where these bits, as an integer, are at least the threshold: the rate is
exactly threshold / 2^bits, one bit for ½, else sixteen or thirty-two.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def word_of(index: cython.ulonglong, bits: cython.uint) -> cython.ulonglong:
    """The word of the stream that an element reads."""
    return index // (32 // bits)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lane_of(word: cython.uint, place: cython.uint, bits: cython.uint) -> cython.uint:
    """The number of element `place` of a word that holds 32 // bits of them."""
    last: cython.uint = 0xFFFFFFFF
    return (word >> (place * bits)) & (last >> (32 - bits))


def rate_in_bits(rate):
    """(threshold, bits): one or sixteen bits where they are exact, sixteen within a thousandth of `rate` and of 1 − rate, else
    thirty-two.
    """
    for bits in (1, 16):
        scaled = rate * 2.0**bits
        if scaled == round(scaled):
            return int(scaled), bits
    if abs(round(scaled) - scaled) <= 1e-3 * min(scaled, 2.0**16 - scaled):
        return round(scaled), 16
    return min(round(rate * 2.0**32), 2**32 - 1), 32
