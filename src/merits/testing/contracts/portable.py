"""What every `Portable` must do. Subclass `PortableContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import asyncio
import pickle
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from merits.core.answer import Answer
from merits.core.doors import Model, Portable, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["PortableContract"]


class PortableContract(ABC):
    """The suite. `make` returns a fresh model that has not learned; equal recipes must give equal models.

        class TestMyModelIsKept(PortableContract):
            def make(self) -> Portable:
                return load(Params(...), LoadContext())

    What is no `Trainable` model (a composite that learns) says in `teach` and `said` how it learns and what it answers.
    """

    examples: ClassVar[Sequence[Example]] = tuple(
        Example(str(number), f"{word} number {number}", label, split="dev")
        for number in range(30)
        for word, label in (("good", "positive"), ("bad", "negative"))
    )
    inputs: ClassVar[Sequence[JSON]] = ("this is good", "this is bad", "neither of them", "")

    @abstractmethod
    def make(self) -> Portable:
        """A fresh model, which has not learned."""

    def teach(self, model: Portable) -> None:
        """Has it learn from the examples."""
        assert isinstance(model, Trainable)
        model.fit(self.examples)

    def said(self, model: Portable) -> list[Answer]:
        """What it answers to the inputs; it stays open."""

        async def ask() -> list[Answer]:
            return [await cast(Model, model).answer(input) for input in self.inputs]

        return asyncio.run(ask())

    def test_is_portable(self) -> None:
        """The door is a protocol: what is missing would only be noticed when it is to be released."""
        assert isinstance(self.make(), Portable)

    def test_answers_the_same_once_it_is_restored(self) -> None:
        """What is served is what was proved: outputs and probabilities, to the last digits."""
        model = self._taught()
        before = self.said(model)
        restored = self.make()
        restored.restore(self._kept(model))
        _same(before, self.said(restored))

    def test_goes_on_answering_after_it_was_kept(self) -> None:
        """Keeping changes nothing: the same model is verified afterwards."""
        model = self._taught()
        before = self.said(model)
        self._kept(model)
        _same(before, self.said(model))

    def test_what_was_restored_can_be_kept_again(self) -> None:
        """A release is made of another one where only a threshold changes."""
        first = self._taught()
        second = self.make()
        second.restore(self._kept(first))
        third = self.make()
        third.restore(self._kept(second))
        _same(self.said(first), self.said(third))

    def test_nothing_is_unpickled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pickle can run any code when it is read."""
        folder = self._kept(self._taught())

        def refused(*given: object, **more: object) -> Any:
            raise AssertionError("something was unpickled")

        for file in folder.rglob("*"):
            assert not file.is_file() or not file.read_bytes().startswith(b"\x80\x04\x95"), f"{file.name} is a pickle"
        restored = self.make()
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(pickle, name, refused)
        restored.restore(folder)

    def test_keeps_something_and_only_in_its_folder(self) -> None:
        """What is kept elsewhere is in no release."""
        folder = self._kept(self._taught())
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert files
        assert all(file.stat().st_size and not file.is_symlink() for file in files)

    def test_refuses_to_be_kept_before_it_has_learned(self) -> None:
        """An empty release would be found out by the first caller."""
        with pytest.raises((RuntimeError, CandidateError)):
            self.make().keep(_new())

    def test_refuses_files_that_are_not_whole(self) -> None:
        """Each file in turn is cut in half, and then gone."""
        folder = self._kept(self._taught())
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            whole = file.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(CandidateError):
                self.make().restore(folder)
            file.unlink()
            with pytest.raises(CandidateError):
                self.make().restore(folder)
            file.write_bytes(whole)
        self.make().restore(folder)

    def _taught(self) -> Portable:
        model = self.make()
        self.teach(model)
        return model

    def _kept(self, model: Portable) -> Path:
        folder = _new()
        model.keep(folder)
        return folder


def _new() -> Path:
    return Path(tempfile.mkdtemp(prefix="merits-kept-"))


def _same(before: Sequence[Answer], after: Sequence[Answer]) -> None:
    """The same outputs, and probabilities that differ by rounding at the most."""
    assert [one.output for one in after] == [one.output for one in before]
    for one, other in zip(before, after, strict=True):
        assert (one.probabilities is None) == (other.probabilities is None)
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-6)
        assert other.confidence == (None if one.confidence is None else pytest.approx(one.confidence, abs=1e-6))
