"""What every `Continuing` must do. Subclass `ContinuingContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import asyncio
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from merits.core.answer import Answer
from merits.core.doors import Continuing
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["ContinuingContract"]


def _examples(start: int, n: int) -> tuple[Example, ...]:
    return tuple(
        Example(f"{number} {label}", {"a": 1.0 * number, "b": sign * (1.0 + number % 7)}, label, split="dev")
        for number in range(start, start + n)
        for sign, label in ((1.0, "yes"), (-1.0, "no"))
    )


class ContinuingContract(ABC):
    """The suite. `make` returns a fresh model that has not learned; equal recipes must give equal models.

    class TestMyModelGoesOn(ContinuingContract):
        def make(self) -> Continuing:
            return load(Params(...), LoadContext())
    """

    known: ClassVar[Sequence[Example]] = _examples(0, 30)
    new: ClassVar[Sequence[Example]] = _examples(100, 15)
    inputs: ClassVar[Sequence[JSON]] = tuple(example.input for example in _examples(200, 5))
    share: ClassVar[float] = 0.3

    @abstractmethod
    def make(self) -> Continuing:
        """A fresh model, which has not learned."""

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Path:
        """The folder of one that learned what is known."""
        model, folder = self.make(), tmp_path / "kept"
        folder.mkdir()
        model.fit(self.known)
        model.keep(folder)
        return folder

    def test_goes_on_and_answers(self, kept: Path) -> None:
        """Instead of `fit`; nothing keeps it from that."""
        answers = self._said(self._gone_on(kept))
        assert all(answer.failure is None and answer.output is not None for answer in answers)

    def test_the_same_files_and_examples_come_to_the_same_answers(self, kept: Path) -> None:
        """A release of it can be made again."""
        first, again = (self._said(self._gone_on(kept)) for _ in range(2))
        assert [one.output for one in first] == [one.output for one in again]
        assert [one.probabilities for one in first] == [one.probabilities for one in again]

    def test_what_it_began_with_stays_as_it_was(self, kept: Path) -> None:
        """The recipe names it by a hash."""
        before = _content(kept)
        self._gone_on(kept)
        assert _content(kept) == before

    def test_it_can_be_kept_and_gone_on_from_again(self, kept: Path) -> None:
        """Retraining what was retrained."""
        model, folder = self._gone_on(kept), Path(tempfile.mkdtemp(prefix="merits-kept-"))
        model.keep(folder)
        restored, further = self.make(), self.make()
        restored.restore(folder)
        assert [one.output for one in self._said(restored)] == [one.output for one in self._said(model)]
        everything = [*self.known, *self.new]
        assert further.cannot_go_on(folder, everything, self.new[:1]) == ""
        further.go_on(folder, everything, [], self.share)
        self._said(further)

    def test_files_that_are_not_whole_are_refused(self, kept: Path) -> None:
        """Nobody begins with half of what was learned."""
        for file in [file for file in kept.rglob("*") if file.is_file()]:
            file.unlink()
        with pytest.raises(CandidateError):
            self.make().go_on(kept, self.known, self.new, self.share)

    def _gone_on(self, kept: Path) -> Continuing:
        model = self.make()
        assert isinstance(model, Continuing)
        assert model.cannot_go_on(kept, self.known, self.new) == ""
        model = self.make()
        model.go_on(kept, self.known, self.new, self.share)
        return model

    def _said(self, model: Continuing) -> list[Answer]:
        async def ask() -> list[Answer]:
            return [await model.answer(input) for input in self.inputs]

        return asyncio.run(ask())


def _content(folder: Path) -> Mapping[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
