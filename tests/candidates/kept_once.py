"""The suite of what can be kept, for models that take long to learn: they learn once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Portable
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.portable import PortableContract

__all__ = ["kept_as_it_was"]


def kept_as_it_was(
    candidate: Candidate,
    context: LoadContext,
    learned: Sequence[Example],
    asked: Sequence[JSON],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """The model that learned, once it has passed the whole suite."""
    made: list[Portable] = []

    class Suite(PortableContract):
        examples: ClassVar = tuple(learned)
        inputs: ClassVar = tuple(asked)

        def make(self) -> Portable:
            model = load(candidate, context)
            assert isinstance(model, Portable)
            return model

        def _taught(self) -> Portable:
            if not made:
                made.append(super()._taught())
            return made[0]

    suite = Suite()
    for name in sorted(dir(suite)):
        if name.startswith("test_"):
            getattr(suite, name)(*([monkeypatch] if name == "test_nothing_is_unpickled" else []))
            monkeypatch.undo()
    return made[0]
