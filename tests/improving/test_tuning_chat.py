"""Prompt variants, worked examples and sampling as a space, with a made-up provider that answers by them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace as changed

import merits
from merits.core.candidate import Candidate, Price
from merits.core.identity import JSON
from merits.core.task import Example, Task
from merits.improving.registry import improver_of
from merits.improving.searching.paths import place_of, with_values
from merits.testing.provider import FakeProvider
from tests.improving.driving import searched

VAGUE, CLEAR = "What about {input}", "Is the number even? Answer yes or no. {input}"


def reply(messages: Sequence[dict[str, object]]) -> str:
    """Right where it is asked clearly, or was shown eight examples; else always yes."""
    asked, n_shown = str(messages[-1]["content"]), sum(message["role"] == "assistant" for message in messages)
    number = int(asked.rsplit(maxsplit=1)[-1])
    knows = "even" in asked or n_shown >= 8
    return ("yes" if number % 2 == 0 else "no") if knows else "yes"


def parity(provider: FakeProvider) -> Task:
    """Is a number even? By a chat model with a vague prompt."""
    seed = Candidate(
        name="chat",
        kind="chat",
        params={"model": "small", "base_url": provider.base_url, "prompt": VAGUE},
        price=Price(input_per_million=1.0, output_per_million=1.0),
    )
    rows = [{"text": f"number {n}", "label": "no" if n % 2 else "yes"} for n in range(80)]
    return merits.make_task(rows, name="parity", candidates=[seed])


def test_the_clear_one_among_given_prompts_is_found() -> None:
    """A prompt is a choice like any other."""
    with FakeProvider(reply) as provider:
        task, store = parity(provider), merits.open_store(":memory:")
        found = searched(task, improver_of("tuning", {"space": {"prompt": [VAGUE, CLEAR]}}), store)
    assert [one.params["prompt"] for one in found.kept] == [CLEAR]
    assert found.solved(found.kept[0].name) == 1.0


def test_worked_examples_and_temperature_are_tuned_without_a_space() -> None:
    """Eight worked examples are enough; what was answered once is not asked again."""
    with FakeProvider(reply) as provider:
        task, store = parity(provider), merits.open_store(":memory:")
        improver = improver_of("tuning", {"candidate": "chat", "sampler": "grid", "keep": 8})
        found = searched(task, improver, store)
        n_asked = len(provider.requests)
        again = searched(task, improver, store)
        assert len(provider.requests) == n_asked
    assert [one.id for one in again.kept] == [one.id for one in found.kept]
    assert {one.params["few_shot"] for one in found.kept} == {8, 16}
    assert {one.params["parameters"]["temperature"] for one in found.kept} == {0.0, 0.5, 1.0}  # type: ignore[index,call-overload]


def test_fewer_worked_examples_are_cheaper() -> None:
    """The cheapest that meets the needs shows eight, not sixteen."""
    needs = merits.Needs(requirements=(merits.Requirement("accuracy", ">=", 0.95),))
    space: dict[str, JSON] = {"few_shot": [0, 8, 16]}
    with FakeProvider(reply) as provider:
        task, store = changed(parity(provider), needs=needs), merits.open_store(":memory:")
        found = searched(task, improver_of("tuning", {"objective": "cheapest", "space": space, "keep": 1}), store)
    assert [one.params["few_shot"] for one in found.kept] == [8]


def test_another_draw_shows_other_examples() -> None:
    """Which examples are shown is a parameter too."""
    from merits.candidates.prompts import chosen

    pool = [Example(str(n), f"text {n}", "ab"[n % 2]) for n in range(40)]
    first, same, other = chosen(pool, 6, 0), chosen(pool, 6, 0, draw=0), chosen(pool, 6, 0, draw=1)
    assert first == same
    assert {e.id for e in first} != {e.id for e in other}
    assert sorted(str(e.target) for e in other) == ["a", "a", "a", "b", "b", "b"]


def test_parameters_of_parts_are_reached_by_their_path() -> None:
    """A name that providers know stands for itself in a part, too; others are written in full."""
    chat = Candidate(name="chat", kind="chat", params={"model": "m"})
    whole = Candidate(name="both", kind="sklearn", params={"estimator": "x.Y"}, parts=(chat, chat))
    place = place_of(whole, "parts.1.temperature")
    made = with_values(whole, {place: 0.5}, "both #1")
    assert made.parts[0] == chat
    assert made.parts[1].params == {"model": "m", "parameters": {"temperature": 0.5}}
    assert place_of(chat, "parameters.anything.new").keys == ("parameters", "anything", "new")
    with pytest.raises(merits.MeritsError, match=r"Did you mean 'temperature'"):
        place_of(whole, "parts.0.temprature")
    with pytest.raises(merits.MeritsError, match=r"Write parts\.0\.NAME to parts\.1\.NAME"):
        place_of(whole, "parts.2.temperature")
