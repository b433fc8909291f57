"""What is said where the memory of a call does not suffice."""

from contextlib import contextmanager


@contextmanager
def answer_fits(problems, alphas, features, fewer):
    """Let a MemoryError in the block say how large the answer is.

    Parameters
    ----------
    problems, alphas, features : int
        The shape of the coefficients.
    fewer : str
        What to give fewer of.

    Raises
    ------
    MemoryError
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"no memory for {problems} problems x {alphas} alphas x {features} features: the coefficients alone, "
                          f"none of them 0, are {8 * problems * alphas * features / 2**30:.3g} GiB. Give fewer {fewer} "
                          f"({str(error) or 'the system refused'})") from error
