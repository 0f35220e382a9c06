"""A learner as a model that goes on learning while it answers (`merits.core.doors.Learning`), and can be kept.

Knows nothing about how it learns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from merits.candidates.batcher import Batcher
from merits.candidates.learner import BATCH_SIZE
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["LearningModel", "Lessons"]

_FILE = "learned.bin"


class Lessons(Protocol):
    """What learns. Called by one thread at a time; `learn` is given examples that have a target."""

    def fit(self, examples: Sequence[Example]) -> None: ...

    def learn(self, examples: Sequence[Example]) -> None: ...

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]: ...

    def state(self) -> bytes: ...

    def restore_state(self, state: bytes) -> None: ...


class LearningModel(Batcher):
    """See `merits.core.doors.Learning` and `Portable`. A lesson waits for the batch that is being answered.

    Unless it is `labelled`, inputs teach by themselves (who chose what), and a lesson needs no target.
    """

    def __init__(
        self,
        lessons: Lessons,
        *,
        fingerprint: str,
        timeout_s: float,
        batch_size: int = BATCH_SIZE,
        close: Callable[[], None] | None = None,
        labelled: bool = True,
    ) -> None:
        self._lessons, self._labelled = lessons, labelled
        self._lock = threading.Lock()  # of answers, which are computed in another thread, and lessons
        super().__init__(
            self._answer,
            batch_size=batch_size,
            fingerprint=fingerprint,
            timeout_s=timeout_s,
            fit=self._fit,
            close=close,
        )

    def learn_one(self, input: JSON, target: JSON) -> None:
        """Learn from one input and its target."""
        self.learn_many([Example("", input, target)])

    def learn_many(self, examples: Sequence[Example]) -> None:
        """Learn from examples, in their order. CandidateError, and nothing learned, where one has no target."""
        lacking = next((example for example in examples if self._labelled and example.target is None), None)
        if lacking is not None:
            raise CandidateError(f"{lacking.id or 'an example'} has no target to learn from.", "Label it first.")
        with self._lock:
            self._lessons.learn(examples)

    def state(self) -> bytes:
        """All that it has learned."""
        with self._lock:
            return self._lessons.state()

    def restore_state(self, state: bytes) -> None:
        """Goes on from what another one of the same recipe had learned."""
        with self._lock:
            self._lessons.restore_state(state)

    def keep(self, folder: Path) -> None:
        """Writes what was learned into a folder."""
        (folder / _FILE).write_bytes(self.state())

    def restore(self, folder: Path) -> None:
        """Takes what was learned from a folder. CandidateError where it holds none."""
        try:
            state = (folder / _FILE).read_bytes()
        except OSError as problem:
            raise CandidateError(
                f"{folder / _FILE} cannot be read: {problem.strerror}.", "Make the release anew: merits release"
            ) from None
        self.restore_state(state)

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str:
        """Nothing keeps it: see `merits.core.doors.Continuing`."""
        return ""

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None:
        """Goes on from what was kept there: the new examples are its next lessons, in their order."""
        self.restore(folder)
        self.learn_many(new)

    def _fit(self, examples: Sequence[Example]) -> None:
        with self._lock:
            self._lessons.fit(examples)

    def _answer(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        with self._lock:
            return self._lessons.answer_batch(inputs)
