"""Groups of features, as callers name them: a label for each feature, or a list of index lists."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from riata.tables import vector
from riata.validation import check_number


def check_feature_groups(groups, n_features):
    """Index arrays that partition the features, and a name for each group.

    Parameters
    ----------
    groups : sequence of p labels, sequence of index lists, or None
        Labels: features of one label are a group, in the order in which labels first occur. None: each feature alone.
    n_features : int

    Returns
    -------
    list of ndarray of int, list of labels

    Raises
    ------
    ValueError, TypeError
        Naming the feature or the group that is wrong.
    """
    if groups is None:
        return [np.array([j], dtype=np.intp) for j in range(n_features)], list(range(n_features))
    if isinstance(groups, (str, bytes, Integral, Mapping)) or not hasattr(groups, "__len__"):
        of_dict = "; of a dict give list(groups.values())" if isinstance(groups, Mapping) else ""
        raise TypeError(f"groups = {groups!r} must be a label for each of the {n_features} features, or a list of index "
                        f"lists{of_dict}")
    entries = list(groups)
    lists = [isinstance(entry, (list, tuple, range, set, np.ndarray)) and np.ndim(list(entry)) > 0 for entry in entries]
    if any(lists):
        if not all(lists):
            k = lists.index(False)
            raise ValueError(f"groups[{k}] = {entries[k]!r} is no list of features, and others are: give a label for each "
                             "feature, or a list of index lists")
        return _from_lists(entries, n_features), list(range(len(entries)))
    return _from_labels(entries, n_features)


def _from_labels(labels, n_features):
    if len(labels) != n_features:
        raise ValueError(f"groups has {len(labels)} labels and X has {n_features} columns; give one for each, or a list of index "
                         "lists")
    members = {}
    for j, label in enumerate(labels):
        label = label.item() if isinstance(label, np.generic) else label
        if label is None or label != label:
            raise ValueError(f"groups[{j}] = {label!r} is no label: a feature that is to be alone needs one of its own")
        members.setdefault(label, []).append(j)
    return [np.array(group, dtype=np.intp) for group in members.values()], list(members)


def _from_lists(lists, n_features):
    owner = np.full(n_features, -1)
    out = []
    for k, entry in enumerate(lists):
        group = np.asarray(sorted(entry) if isinstance(entry, set) else list(entry))
        if group.size == 0:
            raise ValueError(f"groups[{k}] is empty: leave it out")
        if group.ndim != 1 or group.dtype.kind not in "iu":
            raise TypeError(f"groups[{k}] = {entry!r} must hold positions of columns of X, ints from 0 to {n_features - 1}")
        outside = group[(group < 0) | (group >= n_features)]
        if outside.size:
            raise ValueError(f"groups[{k}] has feature {outside[0]}, and X has {n_features} columns: give positions from 0 to "
                             f"{n_features - 1}")
        for j in group:
            if owner[j] >= 0:
                where = f"twice in groups[{k}]" if owner[j] == k else f"in groups[{owner[j]}] and groups[{k}]"
                raise ValueError(f"groups do not partition the features: feature {j} is {where}; each must be in exactly one")
            owner[j] = k
        out.append(group.astype(np.intp))
    missing = np.flatnonzero(owner < 0)
    if missing.size:
        some = ", ".join(map(str, missing[:5])) + (f" and {missing.size - 5} others" if missing.size > 5 else "")
        raise ValueError(f"groups do not partition the features: feature{'s' * (missing.size > 1)} {some} of {n_features} "
                         f"{'are' if missing.size > 1 else 'is'} in none; each must be in exactly one")
    return out


def check_group_factors(penalty_factor, groups):
    """Factors f_g of the group norms as float64 of shape (G,); None: the square roots of the sizes."""
    sizes = np.array([len(group) for group in groups])
    if penalty_factor is None:
        return np.sqrt(sizes)
    expected = f"(G,): one per group, G = {len(sizes)}"
    values = vector(penalty_factor, "penalty_factor", expected)
    if values.shape != sizes.shape:
        raise ValueError(f"penalty_factor has {len(values)} entries and there are {len(sizes)} groups; expected {expected}")
    bad = np.flatnonzero(~(values >= 0))
    if bad.size:
        raise ValueError(f"penalty_factor[{bad[0]}] = {values[bad[0]]:g}; factors must be 0 or more (0: no group norm, inf: left "
                         "out)")
    if np.isinf(values).all():
        raise ValueError("penalty_factor is inf for every group, which leaves all of them out; give at least one a finite factor")
    return values


def check_sparsity(sparsity):
    """The share of the l1 norm in a sparse group lasso, in [0, 1]."""
    return check_number(sparsity, "sparsity", 0.0, 1.0)
