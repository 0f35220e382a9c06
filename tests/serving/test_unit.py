"""A loaded release: answers at a price, in time, by a fallback where need be, also in the middle of a stream."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from merits.core.candidate import Candidate, Price
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON
from merits.serving.package import learned_in
from merits.serving.unit import Reply
from merits.testing.provider import FakeProvider, Fault
from tests.candidates.tiny_encoders import tiny_encoder
from tests.serving.releasing import ask, chat, read, released, unit_of

TEXT = Candidate(name="text", kind="text-linear", price=Price(machine_per_hour=3.6))
ALWAYS = Candidate(name="always", kind="constant", params={"output": "negative"}, price=Price(per_call=0.5))
LINE = "one two three four five six seven eight"


def test_a_local_candidate_answers_at_the_price_of_its_seconds(tmp_path: Path) -> None:
    """One thousandth of a dollar a second, and what it learned is there."""
    (reply,) = ask(released(tmp_path, TEXT), tmp_path, "good number 3")
    assert (reply.answer.output, reply.fallback, reply.currency) == ("positive", 0, "USD")
    assert reply.cost == pytest.approx(reply.answer.usage.machine_s * 0.001)


def test_a_remote_candidate_answers_at_the_price_of_its_tokens(tmp_path: Path) -> None:
    with FakeProvider(lambda messages: "yes indeed") as provider:
        (reply,) = ask(released(tmp_path, chat("c", provider)), tmp_path, "is it so")
    used = reply.answer.usage
    assert reply.answer.output == "yes indeed"
    assert used.output_tokens == 2
    assert reply.cost == pytest.approx((used.input_tokens + used.output_tokens) * 1e-6)


def test_a_composite_costs_what_those_do_that_it_asked(tmp_path: Path) -> None:
    """The cascade asks the second where the first is not sure; usage and cost are of both."""
    with FakeProvider(lambda messages: "positive") as provider:
        cascade = Candidate(
            name="cascade", kind="cascade", params={"thresholds": [2.0]}, parts=(ALWAYS, chat("c", provider))
        )
        (reply,) = ask(released(tmp_path, cascade), tmp_path, "good")
    assert (reply.answer.output, reply.answer.consulted) == ("positive", (0, 1))
    assert reply.answer.usage.output_tokens == 1
    assert reply.cost == pytest.approx(0.5 + (reply.answer.usage.input_tokens + 1) * 1e-6)


def test_a_stack_answers_with_what_it_and_its_parts_learned(tmp_path: Path) -> None:
    """What it learned itself and what its parts did is kept apart, and comes together again."""
    stack = Candidate(name="s", kind="stack", parts=(TEXT, ALWAYS))
    good, bad = ask(released(tmp_path, stack), tmp_path, "good number 1", "bad number 1")
    assert (good.answer.output, bad.answer.output) == ("positive", "negative")


def test_a_copy_of_a_model_beside_the_task_goes_with_the_release(tmp_path: Path) -> None:
    """The folder that its parent names is in the release; neither it nor the training data are needed elsewhere."""
    for package in ("accelerate", "transformers"):
        pytest.importorskip(package)
    task, home = tmp_path / "task", tmp_path / "release"
    tiny_encoder(task / "encoder", ["good", "bad", "number", *map(str, range(20))])
    parent = Candidate(name="tuned", kind="transformer-finetune", params={"path": "encoder", "epochs": 1})
    recipe: dict[str, JSON] = {"method": ["pruned", "fp16"], "structure": "heads", "share": 0.5, "epochs": 0}
    copy = Candidate(name="small", kind="compressed", params=recipe, parts=(parent,))
    release = released(home, copy, task_folder=task, timeout_s=60.0)
    task.rename(tmp_path / "gone")
    (reply,) = ask(release, home, "good number 3")
    assert reply.answer.failure is None
    assert sum((reply.answer.probabilities or {}).values()) == pytest.approx(1.0)
    (small,) = learned_in(release, home)
    assert (small.name, small.kind, small.kept) == ("small", "compressed", True)
    assert {one.path for one in release.artefacts}.isdisjoint({"artefacts/lessons.jsonl"})
    numbers = home / "artefacts" / "models" / "0" / "network.safetensors"
    held = numbers.read_bytes()
    numbers.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    with pytest.raises(DataError, match=r"network\.safetensors is not what it was"):
        ask(release, home, "good number 3")


def test_the_first_fallback_that_can_answers(tmp_path: Path) -> None:
    """The second of two, for the first one's provider is down as well; what failed cost nothing here."""
    with FakeProvider(faults=[Fault("unavailable")]) as down:
        release = released(tmp_path, chat("a", down), chat("b", down, system="Be brief."), TEXT)
        (reply,) = ask(release, tmp_path, "good number 1")
    assert (reply.answer.output, reply.fallback) == ("positive", 2)


def test_where_nobody_can_answer_the_candidates_own_failure_is_told(tmp_path: Path) -> None:
    with FakeProvider(faults=[Fault("unavailable")]) as down, FakeProvider(faults=[Fault("bad_request")]) as wrong:
        release = released(tmp_path, chat("a", down), chat("b", wrong))
        (reply,) = ask(release, tmp_path, "good")
    assert reply.answer.failure is not None
    assert (reply.answer.failure.kind, reply.fallback) == ("server_error", 0)


def test_a_provider_that_hangs_leaves_the_fallback_half_of_the_time(tmp_path: Path) -> None:
    with FakeProvider(faults=[Fault("hang")]) as provider:
        release = released(tmp_path, chat("a", provider), TEXT)
        start = time.perf_counter()
        (reply,) = ask(release, tmp_path, "good number 1", deadline_s=1.0)
        assert time.perf_counter() - start < 4.0
    assert (reply.answer.output, reply.fallback) == ("positive", 1)
    assert reply.cost is None  # the call that was cut off may be on the bill


def test_the_deadline_ends_it_where_there_is_no_fallback(tmp_path: Path) -> None:
    with FakeProvider(faults=[Fault("hang")]) as provider:
        (reply,) = ask(released(tmp_path, chat("a", provider)), tmp_path, "good", deadline_s=0.3)
    assert reply.answer.failure is not None
    assert reply.answer.failure.kind == "timeout"


def test_an_input_that_is_none_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    """The prompt names a column, and a text has none."""
    with FakeProvider() as provider:
        release = released(tmp_path, chat("a", provider, prompt="{subject}"))
        (reply,) = ask(release, tmp_path, "a text")
    assert reply.answer.failure is not None
    assert reply.answer.failure.kind == "bad_request"
    assert "subject" in reply.answer.failure.message


def test_what_is_down_is_left_alone_and_tried_again(tmp_path: Path) -> None:
    """After five failures nobody waits for it; two seconds later one question is let through, and all others then."""
    with FakeProvider(lambda messages: "positive", faults=[Fault("unavailable", times=5)]) as provider:
        release = released(tmp_path, chat("a", provider), TEXT)

        async def run() -> list[Reply]:
            unit = await unit_of(release, tmp_path)
            try:
                replies = [await unit.answer("good number 1") for _ in range(8)]
                assert unit.health()["parts"][0]["breaker"] == "open"  # type: ignore[index, call-overload]
                await asyncio.sleep(2.1)
                return [*replies, await unit.answer("good number 1"), await unit.answer("good number 1")]
            finally:
                await unit.close()

        replies = asyncio.run(run())
        n_asked = len(provider.requests)
    assert [reply.fallback for reply in replies] == [1] * 8 + [0, 0]
    assert n_asked == 5 + 2


def test_a_stream_comes_piece_by_piece_and_ends_with_its_reply(tmp_path: Path) -> None:
    with FakeProvider(lambda messages: LINE) as provider:
        pieces, reply = read(released(tmp_path, chat("a", provider), kind="generation"), tmp_path, "say")
    assert len(pieces) == 8
    assert "".join(pieces) == reply.answer.output == LINE
    assert reply.answer.usage.output_tokens == 8
    assert reply.cost is not None


def test_the_first_piece_does_not_wait_for_the_last(tmp_path: Path) -> None:
    """The provider takes 0.1 s for each word."""
    with FakeProvider(lambda messages: LINE, pause_s=0.1) as provider:
        release = released(tmp_path, chat("a", provider), kind="generation")

        async def run() -> tuple[float, float]:
            unit = await unit_of(release, tmp_path)
            start = time.perf_counter()
            times = [time.perf_counter() - start async for _ in unit.stream("say")]
            await unit.close()
            return times[0], times[-1]

        first, last = asyncio.run(run())
    assert last > 0.6
    assert first < last - 0.4


def test_what_cannot_stream_gives_its_text_in_one_piece(tmp_path: Path) -> None:
    pieces, reply = read(released(tmp_path, TEXT), tmp_path, "good number 1")
    assert pieces == ["positive"]
    assert reply.answer.output == "positive"


def test_a_fallback_goes_on_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    """It is shown what was said, and asked to go on from there; the answer is both together."""
    seen: list[object] = []

    def goes_on(messages: object) -> str:
        seen.append(messages)
        return " and the rest"

    with FakeProvider(lambda messages: LINE, faults=[Fault("truncated")]) as broken, FakeProvider(goes_on) as other:
        release = released(tmp_path, chat("a", broken), chat("b", other), kind="generation")
        pieces, reply = read(release, tmp_path, "say")
    said = "".join(pieces)
    assert LINE.startswith(said.removesuffix(" and the rest"))
    assert said.endswith(" and the rest")
    assert (reply.answer.output, reply.fallback, reply.answer.failure) == (said, 1, None)
    assert reply.cost is None  # what the broken stream costs nobody told
    (messages,) = seen
    assert isinstance(messages, list)
    assert messages[-2] == {"role": "assistant", "content": said.removesuffix(" and the rest")}
    assert "Go on" in messages[-1]["content"]


def test_a_stream_that_nobody_can_go_on_with_ends_with_a_failure(tmp_path: Path) -> None:
    """A classifier knows nothing of what was said; the reply holds that, and why it broke off."""
    with FakeProvider(lambda messages: LINE, faults=[Fault("truncated")]) as broken:
        release = released(tmp_path, chat("a", broken), TEXT)
        pieces, reply = read(release, tmp_path, "say")
    assert pieces
    assert reply.answer.output == "".join(pieces)
    assert reply.answer.failure is not None
    assert "nobody could go on" in reply.answer.failure.message


def test_a_fallback_that_cannot_stream_answers_where_nothing_was_said_yet(tmp_path: Path) -> None:
    with FakeProvider(faults=[Fault("unavailable")]) as down:
        pieces, reply = read(released(tmp_path, chat("a", down), TEXT), tmp_path, "good number 1")
    assert (pieces, reply.answer.output, reply.fallback) == (["positive"], "positive", 1)


def test_a_stream_that_hangs_in_the_middle_is_ended(tmp_path: Path) -> None:
    """The words come a second apart, and half a second is what is waited for one."""
    with FakeProvider(lambda messages: LINE, pause_s=1.0) as provider:
        release = released(tmp_path, chat("a", provider), kind="generation", timeout_s=0.5)
        start = time.perf_counter()
        _, reply = read(release, tmp_path, "say")
        assert time.perf_counter() - start < 4.0
    assert reply.answer.failure is not None
    assert reply.answer.failure.kind == "timeout"


def test_who_stops_reading_ends_the_asking(tmp_path: Path) -> None:
    """The connection is closed, and the unit goes on."""
    with FakeProvider(lambda messages: LINE, pause_s=0.05) as provider:
        release = released(tmp_path, chat("a", provider), kind="generation")

        async def run() -> Reply:
            unit = await unit_of(release, tmp_path)
            stream = unit.stream("say")
            await anext(stream)
            await stream.aclose()
            reply = await unit.answer("say")
            await unit.close()
            return reply

        reply = asyncio.run(run())
    assert reply.answer.output == LINE


def test_many_at_once_each_get_their_own(tmp_path: Path) -> None:
    with FakeProvider(latency_s=0.01) as provider:
        release = released(tmp_path, chat("a", provider), kind="generation")

        async def run() -> list[Reply]:
            unit = await unit_of(release, tmp_path)
            found = await asyncio.gather(*(unit.answer(f"number {n}") for n in range(200)))
            await unit.close()
            await unit.close()
            return list(found)

        replies = asyncio.run(run())
    assert [reply.answer.output for reply in replies] == [f"number {n}" for n in range(200)]


def test_a_missing_key_is_told_when_it_is_opened(tmp_path: Path) -> None:
    """Not by the first caller."""
    candidate = Candidate(name="c", kind="chat", params={"model": "m", "labels": False})
    release = released(tmp_path, candidate)
    from merits.serving.unit import open_unit

    with pytest.raises(CandidateError, match="OPENAI_API_KEY is not set"):
        asyncio.run(open_unit(release, tmp_path, env={}))
