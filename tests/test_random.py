"""Draws are functions of (seed, stream, index); folds are balanced."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riata_engine import random as rr
from riata_engine.cpu import philox

SEEDS = [0, 1, 42, 2**32 + 1, 2**64 - 1]


def test_keys_are_pairs_of_philox_words():
    words = np.empty(20, np.uint32)
    philox.fill(words, 7, 0, 3)
    assert rr.keys(10, 7, 3).tolist() == [int(words[2 * i]) | int(words[2 * i + 1]) << 32 for i in range(10)]


@pytest.mark.parametrize("first", [0, 1, 2, 5, 64])
def test_keys_start_anywhere(first):
    np.testing.assert_array_equal(rr.keys(9, 5, 1, first), rr.keys(100, 5, 1)[first : first + 9])


def test_permutation_is_pinned():
    """These numbers never change: stored folds would lose their meaning."""
    assert rr.permutation(8, seed=2026, stream=1).tolist() == [0, 4, 5, 2, 3, 6, 7, 1]
    assert rr.kfold_ids(8, 3, seed=2026).tolist() == [0, 0, 1, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_permutation_holds_every_index_once(n, seed):
    assert sorted(rr.permutation(n, seed).tolist()) == list(range(n))


def test_equal_keys_keep_index_order(monkeypatch):
    monkeypatch.setattr(rr, "keys", lambda n, seed, stream: np.zeros(n, np.uint64))
    assert rr.permutation(50, 3).tolist() == list(range(50))


def test_global_state_is_neither_read_nor_changed():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = rr.kfold_ids(100, 5, 3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(rr.kfold_ids(100, 5, 3), first)


def test_permutations_are_uniform():
    """Each of the 24 orders of 4 things, over 24 000 streams: chi-square with 23 degrees of freedom."""
    codes = [tuple(rr.permutation(4, 9, stream).tolist()) for stream in range(24_000)]
    _, counts = np.unique(codes, axis=0, return_counts=True)
    assert counts.size == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 70  # p = 1e-6; the draws are fixed, so this never flickers


def test_streams_and_seeds_are_uncorrelated():
    draws = np.array([rr.keys(20_000, seed, stream) / 2.0**64 - 0.5 for seed in (0, 1, 2) for stream in (0, 1, 2)])
    correlation = np.corrcoef(draws)
    np.testing.assert_allclose(draws.mean(axis=1), 0, atol=0.012)
    np.testing.assert_allclose(draws.var(axis=1), 1 / 12, rtol=0.03)
    assert np.abs(correlation - np.eye(9)).max() < 0.04


MAKERS = {
    "kfold": lambda n, k, seed, repeat: rr.kfold_ids(n, k, seed, repeat),
    "group": lambda n, k, seed, repeat: rr.group_kfold_ids(np.arange(n) // 3, k, seed, repeat),
    "stratified": lambda n, k, seed, repeat: rr.stratified_kfold_ids(np.arange(n) % 4, k, seed, repeat),
    "stratified, all bins different": lambda n, k, seed, repeat: rr.stratified_kfold_ids(np.arange(n), k, seed, repeat),
}


@pytest.mark.parametrize("name", MAKERS)
def test_folds_depend_on_seed_and_repeat_only(name):
    make = MAKERS[name]
    base = make(120, 5, 3, 0)
    assert base.dtype == np.intp
    np.testing.assert_array_equal(make(120, 5, 3, 0), base)
    others = [make(120, 5, seed, repeat) for seed, repeat in ((4, 0), (3, 1), (2**64 - 1, 0), (4, 1))]
    distinct = {tuple(ids.tolist()) for ids in [base, *others]}
    assert len(distinct) == 5
    for ids in others:  # about one row in five agrees by chance
        assert np.mean(ids == base) < 0.5


@given(n=st.integers(2, 300), k=st.integers(2, 12), seed=st.integers(0, 2**64 - 1), repeat=st.integers(0, 5))
def test_kfold_sizes(n, k, seed, repeat):
    k = min(k, n)
    sizes = np.bincount(rr.kfold_ids(n, k, seed, repeat), minlength=k)
    assert sizes.sum() == n
    assert sizes.size == k
    assert sizes.max() - sizes.min() <= 1


@given(
    bins=st.lists(st.integers(0, 6), min_size=2, max_size=200),
    k=st.integers(2, 8),
    seed=st.integers(0, 2**64 - 1),
)
def test_stratified_balance(bins, k, seed):
    bins, k = np.array(bins), min(k, len(bins))
    ids = rr.stratified_kfold_ids(bins, k, seed)
    sizes = np.bincount(ids, minlength=k)
    assert sizes.max() - sizes.min() <= 1
    for b in np.unique(bins):
        in_bin = np.bincount(ids[bins == b], minlength=k)
        assert in_bin.max() - in_bin.min() <= 1


@given(
    groups=st.lists(st.integers(0, 20), min_size=2, max_size=200),
    k=st.integers(2, 6),
    seed=st.integers(0, 2**64 - 1),
)
def test_groups_stay_whole_and_folds_balance(groups, k, seed):
    groups = np.array(groups)
    sizes = np.unique(groups, return_counts=True)[1]
    if sizes.size < 2:
        return
    k = min(k, sizes.size)
    ids = rr.group_kfold_ids(groups, k, seed)
    for g in np.unique(groups):
        assert np.unique(ids[groups == g]).size == 1
    loads = np.bincount(ids, minlength=k)
    assert loads.size == k
    assert loads.min() > 0
    # the sizes of the folds are those of the plain greedy algorithm
    heap = [0] * k
    for size in sorted(sizes.tolist(), reverse=True):
        heapq.heapreplace(heap, heap[0] + size)
    assert sorted(loads.tolist()) == sorted(heap)


def test_labels_may_be_text():
    groups = np.array(["b", "a", "b", "c"] * 5)
    ids = rr.group_kfold_ids(groups, 3, 0)
    assert [np.unique(ids[groups == g]).size for g in "abc"] == [1, 1, 1]
    assert rr.stratified_kfold_ids(groups.astype(object), 2, 0).size == 20


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: rr.kfold_ids(5, 1, 0), ValueError, "k=1 folds cannot be made of 5 rows"),
        (lambda: rr.kfold_ids(5, 6, 0), ValueError, "choose k from 2 to 5"),
        (lambda: rr.group_kfold_ids([1, 1, 2], 3, 0), ValueError, "2 groups"),
        (lambda: rr.group_kfold_ids([[1, 1, 2]], 2, 0), ValueError, r"groups has shape \(1, 3\)"),
        (lambda: rr.stratified_kfold_ids(np.zeros((2, 2)), 2, 0), ValueError, "bins has shape"),
        (lambda: rr.permutation(5, -1), ValueError, "seed=-1 is out of range"),
        (lambda: rr.permutation(5, 2**64), ValueError, "seed=18446744073709551616 is out of range"),
        (lambda: rr.permutation(5, 0.5), TypeError, "seed=0.5 is not an integer"),
        (lambda: rr.kfold_ids(5, 2, 0, repeat=-1), ValueError, "repeat=-1"),
        (lambda: rr.kfold_ids(5, 2, 0, repeat=2**40), ValueError, "repeat=1099511627776 is out of range"),
    ],
)
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
