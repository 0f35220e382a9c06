"""A router, a cascade and a line of fallbacks say their words as they come, through a real server and official client.

What is recorded, counted and paid is the same as of an answer that came whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.steps import Last, Steps, drive_streaming
from merits.serving.unit import LoadedUnit
from merits.testing.provider import FakeProvider, Fault
from merits.testing.serving import Served, served
from tests.serving.releasing import chat, read, released, unit_of

Official = Callable[..., Any]
LINE = "one two three four five six seven eight"
UNSURE = Candidate(name="unsure", kind="constant", params={"output": "perhaps"}, price=Price(per_call=0.5))


def router(*parts: Candidate) -> Candidate:
    """The first part for what is short, the second for what is long."""
    return Candidate(name="r", kind="router", params={"lengths": [20], "choose": {"0": 0, "1": 1}}, parts=parts)


def cascade(*parts: Candidate) -> Candidate:
    """Never sure before the last."""
    return Candidate(name="c", kind="cascade", params={"thresholds": [2.0] * (len(parts) - 1)}, parts=parts)


@contextmanager
def serving(folder: Path, *line: Candidate) -> Iterator[Served]:
    """A gateway over a real release."""
    release = released(folder / "release", *line, kind="generation")
    unit: LoadedUnit = asyncio.run(unit_of(release, folder / "release"))
    with served([unit], folder) as running:
        yield running


def heard(create: Any, text: str = "say") -> tuple[list[float], list[Any]]:
    """When each chunk with content came, in seconds from the question; and all chunks."""
    start, times, chunks = time.perf_counter(), [], []
    stream = create(
        model="merits/t",
        messages=[{"role": "user", "content": text}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content:
            times.append(time.perf_counter() - start)
    return times, chunks


def content(chunks: list[Any]) -> str:
    """The text of all chunks."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


MADE: dict[str, Callable[[Candidate], Candidate]] = {
    "router": lambda slow: router(slow, UNSURE),
    "cascade": lambda slow: cascade(UNSURE, slow),
    "a router in a cascade": lambda slow: cascade(UNSURE, router(slow, UNSURE)),
    "a cascade in a router": lambda slow: router(cascade(UNSURE, UNSURE, slow), UNSURE),
}


@pytest.mark.parametrize("name", MADE)
def test_words_come_as_they_are_said(tmp_path: Path, official: Official, name: str) -> None:
    """The provider takes 0.1 s for each; whole and streamed are recorded, counted and paid alike."""
    with FakeProvider(lambda messages: LINE, pause_s=0.1) as provider:
        candidate = MADE[name](chat("slow", provider))
        with serving(tmp_path, candidate) as running:
            create = official(running.url).chat.completions.create
            times, chunks = heard(create)
            whole = create(model="merits/t", messages=[{"role": "user", "content": "say"}])
            running.until_stored(2)
    assert len(times) == 8
    assert times[0] < times[-1] - 0.4
    assert content(chunks) == whole.choices[0].message.content == LINE
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 8
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    streamed, plain = (one.record for one in running.live.served("t"))
    assert streamed.cost == plain.cost
    assert streamed.cost is not None
    assert (streamed.cost > 0.4) == (name != "router")  # the unsure part is on the bill
    same = {"latency_s": 0.0, "untimed": True}
    assert replace(streamed.answer, **same) == replace(plain.answer, **same)
    assert streamed.answer.consulted == plain.answer.consulted != ()


def test_a_cascade_waits_for_a_part_that_may_be_overruled(tmp_path: Path) -> None:
    """Its words are not heard; where it is sure, they come as one piece."""
    with FakeProvider(lambda messages: LINE) as provider:
        first = chat("first", provider)
        unsure, _ = read(released(tmp_path / "a", cascade(first, UNSURE), kind="generation"), tmp_path / "a", "say")
        keen = replace(cascade(first, UNSURE), params={"thresholds": [-1.0]})
        sure, reply = read(released(tmp_path / "b", keen, kind="generation"), tmp_path / "b", "say")
    assert unsure == ["perhaps"]
    assert (sure, reply.answer.output) == ([LINE], LINE)


def test_where_the_last_part_is_down_the_cascade_says_what_it_has(tmp_path: Path) -> None:
    """As without a stream: nothing was passed on yet."""
    with FakeProvider(faults=[Fault("unavailable")]) as down:
        release = released(tmp_path, cascade(UNSURE, chat("down", down)), kind="generation")
        pieces, reply = read(release, tmp_path, "say")
    assert (pieces, reply.answer.output, reply.answer.failure, reply.fallback) == (["perhaps"], "perhaps", None, 0)
    assert reply.answer.consulted == (0, 1)


def test_a_fallback_goes_on_where_the_last_part_of_a_cascade_broke_off(tmp_path: Path) -> None:
    """In mid-stream what the cascade held back is no answer any more: its words were begun."""
    with FakeProvider(lambda messages: LINE, faults=[Fault("truncated")]) as broken:
        alone = released(tmp_path / "a", cascade(UNSURE, chat("b", broken)), kind="generation")
        pieces, reply = read(alone, tmp_path / "a", "say")
        assert pieces
        assert reply.answer.failure is not None
        assert reply.answer.output == "".join(pieces)
    with FakeProvider(lambda messages: LINE, faults=[Fault("truncated")]) as broken, FakeProvider(goes_on) as other:
        line = (cascade(UNSURE, chat("b", broken)), chat("o", other))
        pieces, reply = read(released(tmp_path / "b", *line, kind="generation"), tmp_path / "b", "say")
    assert "".join(pieces).endswith(" and the rest")
    assert (reply.answer.output, reply.answer.failure, reply.fallback) == ("".join(pieces), None, 1)


def goes_on(messages: object) -> str:
    """The end."""
    return " and the rest"


def test_a_client_that_leaves_ends_the_asking_of_the_part(tmp_path: Path, official: Official) -> None:
    """And it is on the record, as broken off."""
    with (
        FakeProvider(lambda messages: LINE * 50, pause_s=0.05) as provider,
        serving(tmp_path, cascade(UNSURE, chat("slow", provider))) as running,
    ):
        stream = official(running.url).chat.completions.create(
            model="merits/t", messages=[{"role": "user", "content": "say"}], stream=True
        )
        next(iter(stream))
        stream.close()
        running.until_stored(1)
        assert running.gateway.desk.admission.in_flight == 0
    failure = running.live.served("t")[0].record.answer.failure
    assert failure is not None
    assert failure.kind == "connection"


def test_who_cannot_be_asked_is_an_error_to_the_client(tmp_path: Path, official: Official) -> None:
    """Before the first word with a status."""
    with (
        FakeProvider(faults=[Fault("unavailable")]) as down,
        serving(tmp_path, router(chat("d", down), UNSURE)) as running,
        pytest.raises(openai.InternalServerError),
    ):
        heard(official(running.url).chat.completions.create)


def test_only_the_last_step_is_passed_on() -> None:
    """Of parts that are asked before, and of those that cannot stream, nothing is heard."""

    def two() -> Steps:
        yield [0]
        (answer,) = yield Last((1,))
        return answer

    async def ask(part: int) -> Answer:
        return Answer(output=f"part {part}")

    async def all_of(stream: Any) -> list[str | Answer]:
        return [piece async for piece in drive_streaming(two(), ask, stream)]

    (answer,) = asyncio.run(all_of(lambda part: None))
    assert isinstance(answer, Answer)
    assert (answer.output, answer.consulted) == ("part 1", (0, 1))
