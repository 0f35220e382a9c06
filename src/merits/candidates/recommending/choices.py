"""Which user chose which item, as a matrix that grows, and what of it new events change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.candidates.recommending.events import Events, matrix_of
from merits.candidates.recommending.recommender import Asked, Known

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Choices", "histories"]


class Choices:
    """The matrix (users, items) of 0 and 1.

    >>> events = Events(np.array([0, 1]), np.array([0, 1]), np.array([1.0, 2.0]))
    >>> choices = Choices(Known(events, 2, 2))
    >>> users, before, after = choices.grow(Events(np.array([1]), np.array([2]), np.array([3.0])), 2, 3)
    >>> users.tolist(), before.toarray().tolist(), after.toarray().tolist()
    ([1], [[0.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]])
    """

    def __init__(self, known: Known) -> None:
        self.matrix = matrix_of(known.events, known.n_users, known.n_items)

    def grow(self, new: Events, n_users: int, n_items: int) -> tuple[NDArray[np.int64], csr_matrix, csr_matrix]:
        """The users whose choices new events change, and their rows before and after."""
        self.matrix.resize(n_users, n_items)
        users = np.unique(new.user)
        before = self.matrix[users]
        grown = self.matrix + matrix_of(new, n_users, n_items)
        grown.data[:] = 1.0
        self.matrix = grown.tocsr()
        return users, before, self.matrix[users]


def histories(asked: Sequence[Asked], n_items: int) -> csr_matrix:
    """What those who are asked for chose: (asked, items) of 0 and 1."""
    rows = np.repeat(np.arange(len(asked)), [len(each.items) for each in asked])
    items = np.concatenate([each.items for each in asked]) if asked else np.zeros(0, np.int64)
    return matrix_of(Events(rows, items, np.zeros(len(rows))), len(asked), n_items)
