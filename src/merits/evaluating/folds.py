"""Which examples a trainable candidate learns from when it is evaluated on the examples it may learn from.

Out of fold: every example is answered by a model that has seen neither it, nor its duplicates, nor its group.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import units_of
from merits.core.errors import TaskError
from merits.core.kinds import is_labelled
from merits.core.task import Example

__all__ = ["assign_folds"]

Ints = NDArray[np.int32]
_MOST = 16  # assignments that are remembered: a search asks for the same one hundreds of times, and it takes seconds
_assigned: dict[tuple[bytes, str, int, int], NDArray[np.int32]] = {}
_STRATIFIED_GROUPS = 20_000  # scikit-learn's StratifiedGroupKFold takes 0.1 ms a group; past that, plain groups


def assign_folds(examples: Sequence[Example], kind: str, *, folds: int, seed: int) -> Ints:
    """The fold (0, 1, ...) of each example, by scikit-learn's splitters.

    Stratified by target for a classification; whole groups and whole sets of duplicates stay in one fold. There are
    fewer folds when there are fewer examples or groups.

    >>> fold = assign_folds([Example(str(n), n, str(n % 2)) for n in range(10)], "classification", folds=5, seed=0)
    >>> np.bincount(fold).tolist()
    [2, 2, 2, 2, 2]
    """
    groups = np.array(units_of([e.input_hash for e in examples], [e.group for e in examples]), np.int32)
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    n_folds = min(folds, n_groups)
    if n_folds < 2:
        raise TaskError(
            f"the dev split has {n_groups} independent example{'' if n_groups == 1 else 's'}, and cross-validation "
            "needs at least 2.",
            "Add examples to the dev split.",
        )
    target = np.array([str(example.target) for example in examples])
    if not is_labelled(kind) or np.unique(target, return_counts=True)[1].max() < n_folds:
        target = np.zeros(len(examples), np.int32)
    key = (groups.tobytes(), "\0".join(target.tolist()) if target.dtype.kind == "U" else "", n_folds, seed)
    if key not in _assigned:
        if len(_assigned) >= _MOST:
            _assigned.clear()
        _assigned[key] = _assign(target, groups, n_groups, n_folds, seed)
    return _assigned[key].copy()


def _assign(target: NDArray[np.generic], groups: Ints, n_groups: int, n_folds: int, seed: int) -> Ints:
    fold = np.empty(len(groups), np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer examples than folds: spread as well as can be
        for number, (_, held_out) in enumerate(_splits(target, groups, n_groups, n_folds, seed)):
            fold[held_out] = number
    return fold


def _splits(
    target: NDArray[np.generic], groups: Ints, n_groups: int, n_folds: int, seed: int
) -> list[tuple[Ints, Ints]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

    if n_groups == len(groups):
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    elif n_groups <= _STRATIFIED_GROUPS:
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    else:
        splitter = GroupKFold(n_folds)
    return list(splitter.split(np.zeros((len(groups), 1)), target, groups))
