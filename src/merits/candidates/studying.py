"""Models that learn from what another model says, and asking that one many questions in a call.

Knows nothing about where the answers are kept: whoever asks keeps each group of them before the next one counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from merits.candidates.meter import AskFailed, Meter
from merits.core.answer import Answer, Usage
from merits.core.doors import Model, Trainable
from merits.core.task import Example

__all__ = ["AT_ONCE", "Keep", "Studious", "ask_in_groups"]

AT_ONCE = 64  # questions in one call
_CALLS = 4  # such calls in flight
_NOT_ON_THE_BILL = Usage(attempts=0)

Keep: TypeAlias = Callable[[Mapping[str, Answer]], Awaitable[object]]


@runtime_checkable
class Studious(Trainable, Protocol):
    """A trainable model that learns from what its `tutor` says to the `questions` that examples raise.

    The tutor takes a list of texts and gives a list of outputs, one for each. `study` is given an output for each
    question before `fit`, which asks nothing.
    """

    @property
    def tutor(self) -> Model: ...

    def questions(self, examples: Sequence[Example]) -> Sequence[str]: ...

    def study(self, said: Mapping[str, object]) -> None: ...


async def ask_in_groups(meter: Meter, questions: Sequence[str], keep: Keep) -> dict[str, Answer]:
    """The tutor's answer to each question. `keep` is given the answers of a call before any further call begins there.

    What a call used stands with its first answer, so that the sum over all is right. A call that failed is kept as the
    failure of its first question, and then nothing more is asked: AskFailed. Raises PurseEmpty when that is so.
    """
    groups = iter([questions[at : at + AT_ONCE] for at in range(0, len(questions), AT_ONCE)])
    found: dict[str, Answer] = {}
    failed: list[Answer] = []

    async def caller() -> None:
        for group in groups:
            if failed:
                return
            answer = await meter.answer(list(group))
            each = _each(answer, group)
            await keep(each)
            if answer.failure is not None:
                failed.append(answer)
            else:
                found.update(each)

    results = await asyncio.gather(*(caller() for _ in range(_CALLS)), return_exceptions=True)
    for problem in results:  # only once all that was in flight is kept
        if problem is not None:
            raise problem
    if failed and (failure := failed[0].failure) is not None:
        raise AskFailed(failure)
    return found


def _each(answer: Answer, group: Sequence[str]) -> dict[str, Answer]:
    if answer.failure is not None:
        return {group[0]: answer}
    assert isinstance(answer.output, list)
    return {
        text: msgspec.structs.replace(answer, output=output, usage=_NOT_ON_THE_BILL if n else answer.usage)
        for n, (text, output) in enumerate(zip(group, answer.output, strict=True))
    }
