"""What all functions of rows ask of their arguments, and the sentences for what is refused."""

import operator

import numpy as np

from riata.validation import MOST_THREADS, check_count, check_number
from riata_engine.backend import backend_of, get_backend, on_device
from riata_engine.rows import FORMS, RefusedRow, row_operation

#: the lowest temperature
COLDEST = 1e-38

_REASONS = {
    "number": "{name}: {row} holds NaN or an infinite number; replace it, or leave the entries out by where=",
    "negative": "{name}: {row} has a negative number; probabilities are at least 0. Are these logits?",
    "sum": "{name}: {row} does not sum to one; pass normalize=True to divide each row by its sum",
    "beyond": "{name}: the sum of {row}, or its inverse, is beyond what {dtype} holds; multiply the row by a number that brings "
    "it near one",
    "nothing": "{name}: {row} has nothing to normalize, its entries are all zero; leave the row out by where=",
}


def as_floats(**arrays):
    """Arrays of one floating type: float32 where all are, float64 otherwise. Arrays on a device stay what and where they are.

    Raises
    ------
    TypeError
        For complex numbers, float16, longdouble and what is no number; on a device also for integers, for two types, and where
        some arrays lie there and some do not.
    """
    if any(on_device(value) for value in arrays.values()):
        return _floats_on_device(arrays)
    found = {}
    for name, value in arrays.items():
        value = as_array(value, name)
        if value.dtype.kind not in "biuf" or (value.dtype.itemsize in (2, 16) and value.dtype.kind == "f"):
            raise TypeError(f"{name} has dtype {value.dtype}; give float32 or float64 (integers are taken as float64)")
        found[name] = value if value.dtype.kind == "f" else value.astype(np.float64)
    dtype = np.result_type(*found.values()).newbyteorder("=")
    return [value.astype(dtype, copy=False) for value in found.values()]


def _floats_on_device(arrays):
    (first, one), *rest = [(name, as_on_device(value, name)) for name, value in arrays.items()]
    if one.dtype not in (np.float32, np.float64):
        raise TypeError(f"{first} has dtype {one.dtype}; give float32 or float64 (arrays on a device are not converted)")
    for name, other in rest:
        if other.dtype != one.dtype:
            raise TypeError(f"{name} has dtype {other.dtype}, {first} has {one.dtype}; arrays on a device must have the same")
    return [one, *(other for _, other in rest)]


def as_on_device(array, name):
    """An array on a device as one of numba, on the same memory."""
    if not on_device(array):
        raise TypeError(f"{name} lies on the host and another array on a device; move one of them")
    return get_backend("cuda").arrays.taken(array, name)


def on_host(array, name):
    """An array of numpy; what has one number for each row may lie on either side."""
    return get_backend("cuda").arrays.fetched(array) if on_device(array) else as_array(array, name)


def as_array(value, name):
    """What numpy makes of it, but neither a ragged list nor an array that would lose its mask."""
    if np.ma.is_masked(value):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: pass {name}.filled(0), and the entries that "
                        f"take part as where=~{name}.mask")
    if hasattr(value, "toarray"):
        raise TypeError(f"{name} is sparse, and functions of rows take dense arrays: pass {name}.toarray()")
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is a list of rows of different lengths: fill them up to one length, and leave the rest out by "
                         "where=") from None


def as_numbers(value, name, wanted):
    """A float64 array on the host; ``wanted`` says what to give."""
    found = on_host(value, name)
    if found.dtype.kind not in "biufO":
        raise TypeError(f"{name} has dtype {found.dtype}; give {wanted}")
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r:.60} is no array of numbers; give {wanted}") from None


def same_shape(**arrays):
    """Refuse two arrays of different shapes."""
    (name, one), (other_name, other) = arrays.items()
    if one.shape != other.shape:
        raise ValueError(f"{other_name} has shape {other.shape}, {name} has {one.shape}; they must be the same")


def checked_axis(axis, x, name):
    """The axis counted from the front; None stays None."""
    if x.ndim == 0:
        raise ValueError(f"{name} is a single number; give an array of at least one dimension")
    if axis is None:
        length = x.size
    else:
        try:
            axis = operator.index(axis)
        except TypeError:
            raise TypeError(f"axis = {axis!r} must be an integer or None") from None
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(
                f"axis = {axis} is not an axis of {name}, which has {x.ndim} dimensions; choose from {-x.ndim} to {x.ndim - 1}"
            )
        axis %= x.ndim
        length = x.shape[axis]
    if length == 0:
        raise ValueError(f"{name} has shape {x.shape}: a row along axis = {axis} has no entries")
    return axis


def checked_temperature(temperature):
    """A positive finite number, whose inverse is a number of float32 too."""
    return check_number(temperature, "temperature", COLDEST, high_open=True)


def checked_threads(n_threads):
    """None, or a number of threads."""
    return None if n_threads is None else check_count(n_threads, "n_threads", MOST_THREADS)


def checked_mask(where, shape):
    """A boolean array of the shape of the rows, or None."""
    if where is None:
        return None
    if on_device(where):
        raise TypeError("where lies on a device; give a mask of numpy, it is sent there")
    where = as_array(where, "where")
    if where.dtype != np.bool_:
        raise TypeError(f"where has dtype {where.dtype}; give True for entries that take part, False for those that do not")
    try:
        return np.ascontiguousarray(np.broadcast_to(where, shape))
    except ValueError:
        raise ValueError(f"where has shape {where.shape}, which does not broadcast to {shape}") from None


def checked_out(out, x, name="out"):
    """An array to write to: of the shape and dtype of x."""
    if out is None:
        return True
    if on_device(x):
        out = as_on_device(out, name)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"{name} is a {type(out).__name__}; give a numpy array")
    if out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError(f"{name} has shape {out.shape} and dtype {out.dtype}; the answer has {x.shape} and {x.dtype}")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError(f"{name} is read-only; give an array that can be written to")
    return out


def checked_form(form, name):
    """The number of a form."""
    if form not in FORMS:
        raise ValueError(f"{name} = {form!r} must be one of {', '.join(map(repr, FORMS))}")
    return FORMS.index(form)


def rows_of(shape, axis):
    """The shape without the axis."""
    return () if axis is None else shape[:axis] + shape[axis + 1 :]


def row_numbers(value, shape, name):
    """Finite float64 numbers, one for each row; a single one serves all."""
    value = as_numbers(value, name, f"one number for each row, shape {shape}")
    try:
        value = np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {value.shape}; give one number for each row, shape {shape}") from None
    if not np.isfinite(value).all():
        raise ValueError(f"{name} holds NaN or infinity; give finite numbers")
    return value


def on_rows(op, names, inputs, axis, *, n_threads=None, **settings):
    """`row_operation`, with a sentence for a row that is refused."""
    n_threads = checked_threads(n_threads)
    try:
        return row_operation(op, inputs, axis, n_threads=n_threads, **settings)
    except RefusedRow as refused:
        index = refused.index
        row = "the array" if not index else f"row {index[0] if len(index) == 1 else index}"
        raise ValueError(_REASONS[refused.reason].format(name=names[refused.argument], row=row, dtype=inputs[0].dtype)) from None


def checked_weights(weights, shape):
    """(weights of rows of at least 0, which rows have one above 0), None and None for no weights, None for all rows."""
    if weights is None:
        return None, None
    weights = row_numbers(weights, shape, "sample_weight")
    if (weights < 0).any():
        raise ValueError(f"sample_weight = {weights.min()} is negative; weights are at least 0")
    return weights, None if weights.all() else weights > 0


class Reduction:
    """Losses of rows to what is asked for: each, their sum, or their weighted mean. Weights are those of `checked_weights`."""

    def __init__(self, reduction, weights, shape, where, axis, taking_part=None, share=None):
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction = {reduction!r} must be 'mean', 'sum' or 'none'")
        self.name, self.weights, self.divisor, self.shape = reduction, weights, 1.0, shape
        if reduction == "mean":
            parts = np.ones(shape) if share is None else share
            if self.weights is not None:
                parts = parts * self.weights
            if where is not None:
                parts = parts * where.any(axis=axis)
            if taking_part is not None:
                parts = parts * taking_part
            self.divisor = float(parts.sum())
            if not self.divisor > 0:
                raise ValueError(
                    "reduction = 'mean' of no rows: all are masked, ignored or of weight zero; pass reduction='sum' or 'none'"
                )

    def value(self, losses, dtype):
        """A float, or an array of one number a row (itself a number, if there is but one)."""
        arrays = backend_of(losses).arrays
        if self.name == "none":
            return arrays.finished(losses, self.weights, self.shape, dtype)
        return arrays.total_of(losses, self.weights) / self.divisor

    def upstream(self, gradient, shape):
        """What the gradient of each row is multiplied by."""
        if self.name != "none" and np.ndim(gradient):
            raise ValueError(f"gradient has shape {np.shape(gradient)}; with reduction = {self.name!r} the loss is one number")
        gradient = row_numbers(gradient, shape, "gradient") / self.divisor
        return gradient if self.weights is None else gradient * self.weights
