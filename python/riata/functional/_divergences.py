"""Entropy, Kullback-Leibler and Jensen-Shannon divergence of rows, in nats, with their gradients."""

from riata.functional._arguments import (
    Reduction,
    as_floats,
    checked_axis,
    checked_form,
    checked_mask,
    checked_out,
    checked_temperature,
    checked_weights,
    on_rows,
    rows_of,
    same_shape,
)

__all__ = ["entropy", "entropy_backward", "jensen_shannon", "jensen_shannon_backward", "kl_divergence", "kl_divergence_backward"]


def kl_divergence(
    p,
    q,
    axis=-1,
    *,
    p_form="probabilities",
    q_form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    n_threads=None,
):
    """
    Kullback-Leibler divergence Σ_k p_k log(p_k / q_k) of each row, in nats.

    Parameters
    ----------
    p, q : array-like of one shape, float32 or float64
    axis : int or None, default=-1
        The axis of the distributions; None: each array is one.
    p_form, q_form : {"probabilities", "logits", "log_probabilities"}, default="probabilities"
        What p and q hold.
    normalize : bool, default=False
        Divide probabilities by their sums. Else rows that do not sum to one, within 3.5e-4 in float32 and 1.5e-8 in float64, are
        an error.
    sample_weight : None or array-like
        A weight of each row, at least 0. A row of weight 0 is left out: nobody looks at it, it gives 0, also along its gradients.
    reduction : {"none", "mean", "sum"}, default="none"
        Over the rows: "mean" is torch's "batchmean", weighted.
    temperature : float > 0, default=1
        Logits are divided by it. A loss for distillation is T² times this.
    where : None or bool array that broadcasts to the shape of p
        Entries that take part; what is left must sum to one. A row without any gives 0.
    n_threads : None or int
        Threads for arrays of more than 130 000 numbers; None: all that are allowed. The answer has the same bits for any number.

    Returns
    -------
    array of the shape of p without the axis, or float

    Raises
    ------
    ValueError
        Where p or q holds NaN, an infinite number (−inf is fine for logits and logarithms) or a negative probability, or a row
        does not sum to one or with ``normalize`` has a sum beyond the numbers (the row is named), or an argument does not fit.

    Notes
    -----
    At 0 as ``scipy.special.rel_entr``: p_k = 0 adds 0, also where q_k = 0; q_k = 0 < p_k gives inf.

    Examples
    --------
    >>> from riata.functional import kl_divergence
    >>> round(float(kl_divergence([0.2, 0.5, 0.3], [0.1, 0.7, 0.2])), 6)
    0.092033
    """
    return _evaluate(
        "kl", (p, q), axis, (p_form, q_form), normalize, sample_weight, reduction, temperature, where, None, (), (), n_threads
    )


def kl_divergence_backward(
    gradient,
    p,
    q,
    axis=-1,
    *,
    wrt="q",
    p_form="probabilities",
    q_form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    out=None,
    n_threads=None,
):
    """
    The gradient along q, p or both from that along `kl_divergence`.

    Along probabilities log(p/q) + 1 and −p/q, along log-probabilities p times and q times that, along logits (q − p) / T and
    p (log(p/q) − KL) / T; through the division by the sum where ``normalize``.

    Parameters
    ----------
    gradient : float, or for ``reduction="none"`` an array of the shape of p without the axis
    p, q and the others
        As given to `kl_divergence`.
    wrt : {"q", "p", "both"}, default="q"
    out : None, array, or for "both" a pair of arrays (p first)
        Where to write; may be p or q.

    Returns
    -------
    array of the shape of p, or a pair of them
    """
    return _evaluate(
        "kl",
        (p, q),
        axis,
        (p_form, q_form),
        normalize,
        sample_weight,
        reduction,
        temperature,
        where,
        gradient,
        *_wanted(wrt, out),
        n_threads,
    )


def jensen_shannon(
    p,
    q,
    axis=-1,
    *,
    p_form="probabilities",
    q_form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    n_threads=None,
):
    """
    Jensen-Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = ½ (p + q), of each row, in nats: from 0 to log 2.

    ``scipy.spatial.distance.jensenshannon`` is its square root. Parameters and errors are those of `kl_divergence`.

    Returns
    -------
    array of the shape of p without the axis, or float
    """
    return _evaluate(
        "jensen_shannon",
        (p, q),
        axis,
        (p_form, q_form),
        normalize,
        sample_weight,
        reduction,
        temperature,
        where,
        None,
        (),
        (),
        n_threads,
    )


def jensen_shannon_backward(
    gradient,
    p,
    q,
    axis=-1,
    *,
    wrt="q",
    p_form="probabilities",
    q_form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    out=None,
    n_threads=None,
):
    """
    The gradient along q, p or both from that along `jensen_shannon`: ½ log(p/m) along probabilities p, ½ log(q/m) along q.

    Parameters and return are those of `kl_divergence_backward`.
    """
    return _evaluate(
        "jensen_shannon",
        (p, q),
        axis,
        (p_form, q_form),
        normalize,
        sample_weight,
        reduction,
        temperature,
        where,
        gradient,
        *_wanted(wrt, out),
        n_threads,
    )


def entropy(
    p,
    axis=-1,
    *,
    form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    n_threads=None,
):
    """
    Entropy −Σ_k p_k log p_k of each row, in nats, with 0 log 0 = 0.

    Parameters
    ----------
    p : array-like, float32 or float64
    form : {"probabilities", "logits", "log_probabilities"}, default="probabilities"
        What p holds.
    axis, normalize, sample_weight, reduction, temperature, where, n_threads
        As in `kl_divergence`, and so are the errors.

    Returns
    -------
    array of the shape of p without the axis, or float
    """
    return _evaluate(
        "entropy", (p,), axis, (form,), normalize, sample_weight, reduction, temperature, where, None, (), (), n_threads
    )


def entropy_backward(
    gradient,
    p,
    axis=-1,
    *,
    form="probabilities",
    normalize=False,
    sample_weight=None,
    reduction="none",
    temperature=1.0,
    where=None,
    out=None,
    n_threads=None,
):
    """
    The gradient along p from that along `entropy`: −(log p + 1) along probabilities, −p (log p + H) / T along logits.

    Parameters
    ----------
    gradient : float, or for ``reduction="none"`` an array of the shape of p without the axis
    p and the others
        As given to `entropy`.
    out : None or array
        Where to write; may be p.

    Returns
    -------
    array of the shape of p
    """
    return _evaluate(
        "entropy", (p,), axis, (form,), normalize, sample_weight, reduction, temperature, where, gradient, (0,), (out,), n_threads
    )


def _wanted(wrt, out):
    """Which inputs a gradient is asked along, and where each goes."""
    if wrt not in ("p", "q", "both"):
        raise ValueError(f"wrt = {wrt!r} must be 'q', 'p' or 'both'")
    if wrt != "both":
        return (0 if wrt == "p" else 1,), (out,)
    if out is not None and len(out) != 2:
        raise ValueError(f"out has {len(out)} arrays; for wrt='both' give a pair, that for p first")
    return (0, 1), (None, None) if out is None else tuple(out)


def _evaluate(
    op, inputs, axis, forms, normalize, sample_weight, reduction, temperature, where, gradient, wanted, outs, n_threads
):
    names = ["p", "q"][: len(inputs)]
    forms = tuple(
        checked_form(form, f"{name}_form" if len(names) == 2 else "form") for name, form in zip(names, forms, strict=True)
    )
    inputs = as_floats(**dict(zip(names, inputs, strict=True)))
    if len(inputs) == 2:
        same_shape(p=inputs[0], q=inputs[1])
    first = inputs[0]
    axis = checked_axis(axis, first, "p")
    shape, where = rows_of(first.shape, axis), checked_mask(where, first.shape)
    sample_weight, taking_part = checked_weights(sample_weight, shape)
    reduced = Reduction(reduction, sample_weight, shape, where, axis)
    outputs = [None, None]
    for k, out in zip(wanted, outs, strict=True):
        outputs[k] = checked_out(out, first)
    values, made = on_rows(
        op,
        names,
        inputs,
        axis,
        outputs=outputs,
        values=True,
        mask=where,
        temperature=checked_temperature(temperature),
        forms=(forms * 2)[:2],
        normalize=bool(normalize),
        n_threads=n_threads,
        taking_part=taking_part,
        upstream=None if gradient is None else reduced.upstream(gradient, shape),
    )
    if gradient is None:
        return reduced.value(values, first.dtype)
    return made[wanted[0]] if len(wanted) == 1 else tuple(made)
