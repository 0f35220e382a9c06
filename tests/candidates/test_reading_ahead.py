"""Inputs that name files: decoded while the model computes, never more in memory than said, each failing alone."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from merits.candidates.reading_ahead import ReadingAhead
from merits.core.answer import Answer
from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.testing.contracts.model import ModelContract


def text_of(input: JSON) -> str:
    return str(input)


class TestContract(ModelContract):
    """The contract of all models."""

    def make(self) -> ReadingAhead[str]:
        return ReadingAhead(text_of, Answer, fingerprint="says it", timeout_s=10.0)


async def test_the_next_input_is_read_while_the_model_computes() -> None:
    """The model waits, in its answer to the first, until the second has been read: it would never end otherwise."""
    second_read = threading.Event()

    def read(input: JSON) -> str:
        if input == "second":
            second_read.set()
        return str(input)

    def answer(content: str) -> Answer:
        if content == "first":
            assert second_read.wait(5.0)
        return Answer(content)

    model = ReadingAhead(read, answer, fingerprint="", timeout_s=10.0)
    found = await asyncio.gather(model.answer("first"), model.answer("second"))
    await model.close()
    assert [each.output for each in found] == ["first", "second"]


async def test_reading_does_not_block_the_event_loop_and_counts_as_time_of_the_machine() -> None:
    """A slow decoder: others go on meanwhile, and what it took is in the answer's seconds."""

    def read(input: JSON) -> str:
        time.sleep(0.2)
        return str(input)

    model = ReadingAhead(read, Answer, fingerprint="", timeout_s=10.0)
    asked = asyncio.ensure_future(model.answer("a"))
    ticks = 0
    while not asked.done():
        await asyncio.sleep(0.01)
        ticks += 1
    answer = await asked
    await model.close()
    assert ticks >= 5
    assert answer.usage.machine_s >= 0.2
    assert answer.latency_s >= 0.2


async def test_what_cannot_be_read_fails_alone() -> None:
    """The others are answered."""

    def read(input: JSON) -> str:
        if input == "bad":
            raise DataError("bad cannot be read.")
        return str(input)

    model = ReadingAhead(read, Answer, fingerprint="", timeout_s=10.0)
    found = await asyncio.gather(*map(model.answer, ("a", "bad", "b")), return_exceptions=True)
    await model.close()
    assert [found[0].output, found[2].output] == ["a", "b"]
    assert isinstance(found[1], DataError)


async def test_a_reader_that_hangs_is_given_up() -> None:
    """A file on a share that no longer answers."""
    forever = threading.Event()
    model = ReadingAhead(lambda input: forever.wait(), lambda content: Answer(""), fingerprint="", timeout_s=0.1)
    with pytest.raises(TimeoutError):
        await model.answer("a")
    forever.set()
    await model.close()
