"""The rows of an evaluation: one for each example and repeat, and the questions behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import units_of
from merits.core.doors import AnswerKey
from merits.core.task import Example

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Rows, example by example, and within each its repeats; `keys[question_of[row]]` is a row's question.

    Rows whose examples have the same input share their questions: what is asked once is not asked twice.

    >>> rows = Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=2)
    >>> len(rows.examples), len(rows.keys), rows.rows_of[0]
    (6, 4, (0, 4))
    """

    examples: tuple[Example, ...]
    repeats: NDArray[np.int32]
    keys: tuple[AnswerKey, ...]
    question_of: NDArray[np.int32]
    rows_of: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, examples: Sequence[Example], *, repeats: int) -> Rows:
        """The rows of these examples."""
        each = tuple(example for example in examples for _ in range(repeats))
        numbers: dict[AnswerKey, int] = {}
        question_of = np.empty(len(each), np.int32)
        rows_of: list[tuple[int, ...]] = []
        for row, example in enumerate(each):
            key = AnswerKey(example.input_hash, row % repeats)
            question = numbers.setdefault(key, len(numbers))
            question_of[row] = question
            if question == len(rows_of):
                rows_of.append((row,))
            else:
                rows_of[question] += (row,)
        return cls(
            each,
            np.tile(np.arange(repeats, dtype=np.int32), len(examples)),
            tuple(numbers),
            question_of,
            tuple(rows_of),
        )

    def __len__(self) -> int:
        return len(self.examples)

    def example_of(self, question: int) -> Example:
        """The first example behind a question."""
        return self.examples[self.rows_of[question][0]]

    def groups(self) -> NDArray[np.int32]:
        """A code for each row; rows of one group or of one input share one: they are not independent.

        A question that is asked of many rows is answered once, so however often it is repeated, it is one piece of
        evidence.

        >>> Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=1).groups().tolist()
        [0, 1, 0]
        """
        hashes, groups = [e.input_hash for e in self.examples], [e.group for e in self.examples]
        return np.array(units_of(hashes, groups), np.int32)

    def tags(self) -> dict[str, NDArray[np.str_]]:
        """The text of each tag, row by row; "" where an example has none of that name."""
        names = sorted({name for example in self.examples for name in example.tags})
        return {name: np.array([example.tags.get(name, "") for example in self.examples]) for name in names}
