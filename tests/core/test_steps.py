"""Composites in steps: the same answer live and replayed, and what it says of whom it asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from merits.core.answer import Answer, Usage
from merits.core.steps import Steps, drive, replay

SAID = [
    Answer(output="no", confidence=0.6, latency_s=0.5, usage=Usage(input_tokens=3)),
    Answer(output="yes", confidence=0.8, latency_s=2.0, usage=Usage(input_tokens=30)),
    Answer(output="yes", confidence=0.7, latency_s=1.0),
]


def arbitrated(first: Sequence[int], arbiter: int) -> Steps:
    """Asks some together, and one more where they disagree."""
    answers = yield first
    if len({answer.output for answer in answers}) == 1:
        return answers[0]
    (last,) = yield [arbiter]
    return last


def live(steps: Steps) -> tuple[Answer, list[int]]:
    """The answer of steps that are driven, and the order in which parts were asked."""
    order: list[int] = []

    async def ask(part: int) -> Answer:
        order.append(part)
        await asyncio.sleep(0)
        return SAID[part]

    return asyncio.run(drive(steps, ask)), order


@pytest.mark.parametrize("first", [[0, 1], [1, 2]])
def test_live_and_replayed_are_the_same(first: list[int]) -> None:
    """What was searched on stored answers is what is served."""
    answer, _ = live(arbitrated(first, 2))
    assert replay(arbitrated(first, 2), SAID.__getitem__) == answer


def test_it_says_whom_it_asked_and_waits_for_the_slowest_of_each_step() -> None:
    """Cost and latency follow from that."""
    answer, order = live(arbitrated([0, 1], 2))
    assert (answer.consulted, order) == ((0, 1, 2), [0, 1, 2])
    assert answer.latency_s == 3.0


def test_what_its_parts_used_is_not_on_its_own_bill() -> None:
    """They are paid once: where they were asked."""
    answer, _ = live(arbitrated([0, 1], 1))
    assert answer.usage == Usage(attempts=0)


def test_a_part_that_may_not_be_asked_ends_it_after_the_others_have_come_in() -> None:
    """What is on its way is paid for."""
    came: list[int] = []

    async def ask(part: int) -> Answer:
        if part == 0:
            raise RuntimeError("the purse is empty")
        await asyncio.sleep(0.01)
        came.append(part)
        return SAID[part]

    with pytest.raises(RuntimeError, match="purse"):
        asyncio.run(drive(arbitrated([0, 1], 2), ask))
    assert came == [1]
