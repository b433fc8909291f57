"""Softmax, its logarithm and logsumexp along any axis, with their backward passes."""


from riata.functional._arguments import (
    as_floats,
    checked_axis,
    checked_mask,
    checked_out,
    checked_temperature,
    on_host,
    on_rows,
    row_numbers,
    rows_of,
    same_shape,
)
from riata_engine.backend import backend_of

__all__ = ["log_softmax", "log_softmax_backward", "logsumexp", "logsumexp_backward", "softmax", "softmax_backward"]


def softmax(x, axis=-1, *, temperature=1.0, where=None, out=None, n_threads=None):
    """
    Probabilities of logits: exp(x_k / T) / Σ exp(x / T).

    Parameters
    ----------
    x : array-like, float32 or float64
        Logits. −inf has probability 0; a row of nothing but −inf gives NaN, as in ``scipy.special.softmax``.
    axis : int or None, default=-1
        The axis that sums to one; None: all entries do.
    temperature : float > 0, default=1
        T.
    where : None or bool array that broadcasts to the shape of x
        Entries that take part; the others get 0, and a row without any is all 0.
    out : None or array of the shape and dtype of x
        Where to write; may be x. After an error its contents are undefined.
    n_threads : None or int
        Threads for arrays of more than 130 000 numbers; None: all that are allowed. The answer has the same bits for any number.

    Returns
    -------
    array of the shape and dtype of x
        exp and log have errors below 3 units in the last place; the difference of a logit from the largest is rounded once.

    Raises
    ------
    ValueError
        Where x holds NaN or +inf (the row is named), or an argument does not fit.

    Notes
    -----
    The largest logit is subtracted first, so that nothing overflows; what is below 1e-38 (float32) or 2e-308 (float64) of the
    largest probability is 0.

    Examples
    --------
    >>> from riata.functional import softmax
    >>> softmax([2.0, 1.0, 0.0]).round(4).tolist()
    [0.6652, 0.2447, 0.09]
    """
    return _of_logits("softmax", x, axis, temperature, where, out, n_threads)


def log_softmax(x, axis=-1, *, temperature=1.0, where=None, out=None, n_threads=None):
    """
    Logarithms of the probabilities of logits: x_k / T − log Σ exp(x / T).

    Parameters and errors are those of `softmax`; entries left out by `where` get −inf.

    Returns
    -------
    array of the shape and dtype of x
    """
    return _of_logits("log_softmax", x, axis, temperature, where, out, n_threads)


def _of_logits(op, x, axis, temperature, where, out, n_threads):
    (x,) = as_floats(x=x)
    axis = checked_axis(axis, x, "x")
    _, outputs = on_rows(
        op,
        ["x"],
        [x],
        axis,
        outputs=(checked_out(out, x), None),
        mask=checked_mask(where, x.shape),
        temperature=checked_temperature(temperature),
        n_threads=n_threads,
    )
    return outputs[0]


def logsumexp(x, axis=-1, *, keepdims=False, temperature=1.0, where=None, n_threads=None):
    """
    log Σ exp(x / T) along an axis, without overflow.

    Parameters
    ----------
    x, axis, temperature, where, n_threads
        As in `softmax`. A row of nothing but −inf, or of which `where` leaves nothing, gives −inf, one with +inf gives inf, as in
        ``scipy.special.logsumexp``.
    keepdims : bool, default=False
        Keep the axis, with length one.

    Returns
    -------
    array of the shape of x without the axis, or a number

    Raises
    ------
    ValueError
        Where x holds NaN (the row is named), or an argument does not fit.
    """
    (x,) = as_floats(x=x)
    axis = checked_axis(axis, x, "x")
    values, _ = on_rows(
        "logsumexp",
        ["x"],
        [x],
        axis,
        values=True,
        mask=checked_mask(where, x.shape),
        temperature=checked_temperature(temperature),
        n_threads=n_threads,
    )
    shape = rows_of(x.shape, axis)
    if keepdims:
        shape = tuple(1 if axis is None or k == axis else m for k, m in enumerate(x.shape))
    return backend_of(values).arrays.finished(values, None, shape, x.dtype)


def softmax_backward(gradient, probabilities, axis=-1, *, temperature=1.0, out=None, n_threads=None):
    """
    The gradient along the logits from that along the probabilities: p_k (g_k − Σ p g) / T.

    Parameters
    ----------
    gradient : array of the shape of probabilities
        Of some loss, along the output of `softmax`.
    probabilities : array
        What `softmax` gave. Entries of probability 0, masked ones among them, get 0.
    axis, temperature, out, n_threads
        As given to `softmax`. `out` may be one of the inputs.

    Returns
    -------
    array of the shape of probabilities
    """
    return _backward("softmax_backward", "probabilities", gradient, probabilities, axis, temperature, out, n_threads)


def log_softmax_backward(gradient, log_probabilities, axis=-1, *, temperature=1.0, out=None, n_threads=None):
    """
    The gradient along the logits from that along their log-probabilities: (g_k − p_k Σ g) / T.

    Parameters
    ----------
    gradient : array of the shape of log_probabilities
    log_probabilities : array
        What `log_softmax` gave. Entries of −inf, masked ones among them, get 0, and their gradients do not count in Σ g.
    axis, temperature, out, n_threads
        As given to `log_softmax`. `out` may be one of the inputs.

    Returns
    -------
    array of the shape of log_probabilities
    """
    return _backward("log_softmax_backward", "log_probabilities", gradient, log_probabilities, axis, temperature, out, n_threads)


def _backward(op, name, gradient, forward, axis, temperature, out, n_threads):
    forward, gradient = as_floats(forward=forward, gradient=gradient)
    same_shape(**{name: forward, "gradient": gradient})
    axis = checked_axis(axis, forward, name)
    _, outputs = on_rows(
        op,
        ["gradient", name],
        [gradient, forward],
        axis,
        outputs=(checked_out(out, forward), None),
        temperature=checked_temperature(temperature),
        n_threads=n_threads,
    )
    return outputs[0]


def logsumexp_backward(gradient, x, axis=-1, *, temperature=1.0, where=None, out=None, n_threads=None):
    """
    The gradient along x from that along `logsumexp`: g softmax(x)_k / T, in one pass.

    Parameters
    ----------
    gradient : number or array of the shape of x without the axis (or with length one there)
    x, axis, temperature, where, out, n_threads
        As in `softmax`.

    Returns
    -------
    array of the shape of x
    """
    (x,) = as_floats(x=x)
    axis = checked_axis(axis, x, "x")
    shape = rows_of(x.shape, axis)
    gradient = on_host(gradient, "gradient")
    if gradient.ndim == x.ndim and gradient.shape == tuple(1 if axis is None or k == axis else m for k, m in enumerate(x.shape)):
        gradient = gradient.reshape(shape)
    _, outputs = on_rows(
        "logsumexp_backward",
        ["x"],
        [x],
        axis,
        outputs=(checked_out(out, x), None),
        mask=checked_mask(where, x.shape),
        temperature=checked_temperature(temperature),
        upstream=row_numbers(gradient, shape, "gradient"),
        n_threads=n_threads,
    )
    return outputs[0]
