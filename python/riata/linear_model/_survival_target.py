"""What a user passes as survival times: a structured array, two columns, or times and events apart."""

import warnings

import numpy as np
from sklearn.utils.validation import column_or_1d

_ROWS = 5


def survival_target(owner, y, event, n_samples):
    """(time (n,) float64, event (n,) bool) from the ``y`` and ``event`` of ``fit``.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the rows and the remedy.
    """
    if y is None:
        raise ValueError(f"{owner} requires y to be passed, but the target y is None")
    time, event = _apart(owner, y, event)
    if len(time) != n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: X has {n_samples} rows, y has "
                         f"{len(time)}.")
    if len(event) != n_samples:
        raise ValueError(f"event has {len(event)} entries, X has {n_samples} rows: give one for each row.")
    return _times(time), _events(event)


def _apart(owner, y, event):
    table = hasattr(y, "columns") and hasattr(y, "to_numpy")
    if table:
        if event is None and {"event", "time"} <= set(y.columns):
            return np.asarray(y["time"]), np.asarray(y["event"])
        y = y.to_numpy()
    y = np.asarray(y)
    if y.dtype.names is not None:
        return _fields(y, event)
    if y.ndim == 2 and y.shape[1] == 2:
        if event is not None:
            raise ValueError("event is given, and y has two columns: pass the times alone as y, or (event, time) as y.")
        first, second = y[:, 0], y[:, 1]
        if not _is_zero_one(first) and _is_zero_one(second):
            raise ValueError("the first column of y must be the event (1 or True for a death, 0 or False for a censored "
                             "row) and the second "
                             "the time: here it is the other way round. "
                             + ("Name the columns event and time." if table else "Pass y[:, ::-1]."))
        return second, first
    if y.ndim != 1 and not (y.ndim == 2 and y.shape[1] == 1):
        raise ValueError(f"y of {owner} has shape {y.shape}: pass a structured array (event, time), an array (n, 2) of "
                         f"event and time, "
                         "or the times (n,) with event=.")
    time = column_or_1d(y, warn=True)
    return time, np.ones(len(time), bool) if event is None else np.asarray(event).reshape(-1)


def _fields(y, event):
    names = y.dtype.names
    if event is not None:
        raise ValueError("event is given, and y is a structured array that has it: leave event out.")
    if len(names) != 2:
        raise ValueError(f"y has the fields {names}: expected two, the event (bool) and the time.")
    if y.ndim != 1:
        raise ValueError(f"y is a structured array of shape {y.shape}: expected (n,).")
    if y.dtype[0].kind != "b" and y.dtype[1].kind == "b":
        names = names[::-1]
    return y[names[1]], y[names[0]]


def _is_zero_one(values):
    try:
        return bool(np.isin(values.astype(float), (0.0, 1.0)).all())
    except (TypeError, ValueError):
        return False


def _rows_of(bad):
    rows = np.flatnonzero(bad)
    named = ", ".join(map(str, rows[:_ROWS])) + (", …" if len(rows) > _ROWS else "")
    return f"{len(rows)} row{'s' * (len(rows) > 1)} ({named})"


def prediction_times(times):
    """The ``times`` of a prediction as float64 (n_times,); NaN and text are refused."""
    given = np.asarray(times)
    if given.dtype.kind not in "fiub" or given.ndim > 1:
        raise ValueError(f"times = {times!r} must be a number or a list of numbers.")
    given = np.atleast_1d(given).astype(np.float64)
    if np.isnan(given).any():
        raise ValueError(f"times[{int(np.isnan(given).argmax())}] is NaN: give a number for each time.")
    return given


def _plain(value):
    """A value as Python has it, for messages."""
    return value.item() if isinstance(value, np.generic) else value


def _times(time):
    given = np.asarray(time)
    try:
        if given.dtype.kind in "USmMc" or (given.dtype.kind == "O" and any(isinstance(t, (str, bytes)) for t in given)):
            raise TypeError                            # numpy would read text as numbers
        time = np.asarray(time, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"the times in y must be numbers; they are of dtype {given.dtype}, such as "
                         f"{_plain(given[0])!r}.") from None
    if (bad := ~np.isfinite(time)).any():
        raise ValueError(f"the times in y are NaN or infinite in {_rows_of(bad)}: leave these rows out. (A row without an "
                         f"event is "
                         "censored at the last time it was seen.)")
    if (bad := time <= 0).any():
        raise ValueError(f"the times in y must be positive; they are not in {_rows_of(bad)}, where the smallest is "
                         f"{time.min():g}. "
                         "Shift the origin of time, or leave these rows out.")
    return np.ascontiguousarray(time)


def _events(event):
    if event.dtype.kind != "b":
        try:
            number = event.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"event must be boolean or 0 and 1; it is of dtype {event.dtype}, such as "
                             f"{_plain(event[0])!r}. Compare it with the value that means a death: event == 'dead'.") from None
        if np.isnan(number).any():
            raise ValueError(f"event is NaN in {_rows_of(np.isnan(number))}: leave these rows out.")
        if (bad := ~np.isin(number, (0.0, 1.0))).any():
            strange = _plain(event[np.flatnonzero(bad)[0]])
            raise ValueError(f"event must be boolean or 0 and 1; it is neither in {_rows_of(bad)}, such as "
                             f"{strange!r}. Compare it with the value that means a death: "
                             f"event == {strange!r}, say.")
        event = number == 1
    return np.ascontiguousarray(event)


def check_events(event, weights, strata, labels):
    """Refuse data without an event; warn of strata without one."""
    counts = event if weights is None else event & (weights > 0)
    if not counts.any():
        where = "in y" if weights is None else "among the rows of positive weight"
        raise ValueError(f"there is no event {where}: without a death there is nothing to fit. True or 1 means a death.")
    if strata is not None:
        empty = np.flatnonzero(np.bincount(strata[counts], minlength=len(labels)) == 0)
        if len(empty):
            named = ", ".join(str(labels[k]) for k in empty[:_ROWS]) + (", …" if len(empty) > _ROWS else "")
            warnings.warn(f"{len(empty)} of {len(labels)} strata have no event ({named}): their rows say nothing about "
                          f"the coefficients.",
                          UserWarning, stacklevel=4)


def stratum_numbers(strata, n_samples):
    """(numbers (n,), labels) of the strata, or (None, None)."""
    if strata is None:
        return None, None
    strata = np.asarray(strata)
    if strata.shape != (n_samples,):
        raise ValueError(f"strata has shape {strata.shape}: expected one stratum for each row of X, ({n_samples},).")
    if strata.dtype.kind == "f" and np.isnan(strata).any():
        raise ValueError(f"strata is NaN in {_rows_of(np.isnan(strata))}: give every row a stratum.")
    labels, numbers = np.unique(strata, return_inverse=True)
    return numbers.reshape(-1).astype(np.intp), labels
