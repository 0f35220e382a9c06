"""Instructions that a model writes which is shown where they failed, with a made-up provider that follows them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import merits
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Store
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON, content_hash
from merits.core.task import Task
from merits.improving.prompting import Params as PromptingParams
from merits.improving.registry import improver_of, technique
from merits.improving.searching.inside_out import inside_out
from merits.testing.contracts.improver import ImproverContract, brief_of
from merits.testing.provider import FakeProvider
from tests.improving.driving import searched

pytest.importorskip("gepa")

RULE = "Say yes if the number is even, else no."


def reply(messages: Sequence[dict[str, object]]) -> str:
    """Follows the rule where it is told; asked to reflect, writes it once it saw a wrong answer and the right one."""
    asked = str(messages[-1]["content"])
    if "I provided an assistant" in asked:
        return f"```\n{RULE}\n```" if "The right answer is: no" in asked else "```\nTry harder.\n```"
    number = int(asked.rsplit(maxsplit=1)[-1])
    told = any(RULE in str(message["content"]) for message in messages)
    return "no" if told and number % 2 else "yes"


@pytest.fixture
def store() -> Store:
    """A store in memory."""
    return merits.open_store(":memory:")


def parity(provider: FakeProvider) -> Task:
    """Is a number even? By a chat model whose instructions do not say so."""
    params: dict[str, JSON] = {"model": "small", "base_url": provider.base_url, "system": "Be brief."}
    rows = [{"text": f"number {n}", "label": "no" if n % 2 else "yes"} for n in range(60)]
    return merits.make_task(rows, name="parity", candidates=[Candidate(name="chat", kind="chat", params=params)])


class TestContract(ImproverContract):
    """The contract, on a chat model and one who writes whatever follows from what it is asked."""

    def make_improver(self) -> Improver:
        """A short search."""
        return improver_of("prompting", {"answers": 100})

    def seeds(self) -> list[Candidate]:
        """One chat model, and a candidate that is none."""
        chat = Candidate(name="chat", kind="chat", params={"model": "m", "system": "Be brief.", "labels": True})
        return [Candidate(name="linear", kind="text-linear"), chat]

    def brief(self) -> Brief:
        """As it is told in a search, with somebody to ask."""

        def wise(candidate: Candidate, question: JSON) -> Answer:
            assert candidate.params == {"model": "m", "prompt": "{input}", "labels": False}
            return Answer(output=f"```\nHint {content_hash(question)[:6]}\n```")

        return replace(super().brief(), ask=wise, said=lambda name: [])


def test_a_rule_that_was_missing_is_written_and_kept(store: Store) -> None:
    """From half of the cases to all of them; LiteLLM is never imported."""
    with FakeProvider(reply) as provider:
        found = searched(parity(provider), improver_of("prompting", {"answers": 150}), store)
    assert [one.params["system"] for one in found.kept] == [RULE]
    assert found.solved(found.kept[0].name) == 1.0
    assert found.solved("chat") < 0.7
    assert "litellm" not in sys.modules


def test_a_search_that_is_begun_again_asks_nothing_twice(store: Store) -> None:
    """The same seed shows the same examples; neither they nor who reflects is asked again."""
    with FakeProvider(reply) as provider:
        task, improver = parity(provider), improver_of("prompting", {"answers": 120})
        first = searched(task, improver, store)
        n_asked = len(provider.requests)
        again = searched(task, improver, store)
        assert len(provider.requests) == n_asked
    assert any("I provided" in str(request.messages[-1]["content"]) for request in provider.requests)
    assert [one.id for one in again.kept] == [one.id for one in first.kept]


def test_who_cannot_reflect_changes_nothing(store: Store) -> None:
    """Failures are data: the search ends with nothing better."""
    with FakeProvider(reply) as provider:
        silent = Answer(failure=Failure("timeout", "no answer"))
        improver = improver_of("prompting", {"answers": 60})
        found = searched(parity(provider), improver, store, ask=lambda candidate, question: silent)
    assert list(found.kept) == []


def asked_to_reflect(candidate: Candidate, **given: JSON) -> tuple[Candidate, str]:
    """Who is asked to write instructions first, and with what words."""
    told: list[tuple[Candidate, str]] = []

    def writes(one: Candidate, question: JSON) -> Answer:
        told.append((one, str(question)))
        return Answer(output="Better.")

    brief = replace(brief_of([candidate]), ask=writes, said=lambda name: [])
    search = improver_of("prompting", {"answers": 60, **given})(replace(brief, evaluation=solving_none(brief)))
    trials = next(search)
    assert trials.candidates
    search.close()
    return told[0]


def solving_none(brief: Brief) -> Evaluation:
    """The evaluation in which nothing is solved, so that there is something to write about."""
    return replace(brief.evaluation, solved=np.zeros_like(brief.evaluation.solved))


def test_whoever_writes_instructions_may_write_more_than_an_answer() -> None:
    """Short answers end early; instructions must not. A base model else stops at its first blank line."""
    local: dict[str, JSON] = {"path": "x.gguf", "plain": True, "max_tokens": 8, "stop": ["\n"], "prompt": "Q: {input}"}
    one, _ = asked_to_reflect(Candidate(name="base", kind="gguf", params=local), longest=100)
    assert one.params["max_tokens"] == 100
    assert one.params["stop"] == ["\n\n\n"]
    sent: dict[str, JSON] = {"model": "m", "parameters": {"max_tokens": 8, "temperature": 1}}
    one, _ = asked_to_reflect(Candidate(name="chat", kind="chat", params=sent))
    assert one.params["parameters"] == {"temperature": 1}


def test_how_it_is_asked_may_be_said() -> None:
    """A model that follows no long instructions may go on with a text."""
    chat = Candidate(name="chat", kind="chat", params={"model": "m", "system": "Be brief."})
    _, words = asked_to_reflect(chat, ask="Now: <curr_param>. Seen:\n<side_info>\nBetter:")
    assert words.startswith("Now: Be brief.. Seen:\n")
    assert words.endswith("\nBetter:")
    with pytest.raises(UsageError, match="must hold <curr_param> and <side_info>"):
        improver_of("prompting", {"ask": "Write better ones."})


def test_a_search_that_is_stopped_leaves_no_thread(store: Store) -> None:
    """The library runs in a thread of its own, which ends with the generator."""
    before = threading.active_count()
    generator = inside_out(lambda call: [call(n) for n in range(10)])
    assert next(generator) == 0
    assert threading.active_count() == before + 1
    generator.close()
    assert threading.active_count() == before


def test_what_goes_wrong_inside_is_raised_outside() -> None:
    """A mistake is not lost in the thread."""

    def wrong(call: object) -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        next(inside_out(wrong))


def test_tasks_without_a_chat_model_say_so() -> None:
    """And name the near miss of one that is not there."""
    linear = Candidate(name="linear", kind="text-linear")
    chat = Candidate(name="chat", kind="chat", params={"model": "m"})
    assert "No candidate is a chat model" in technique("prompting").why_not(brief_of([linear]))
    assert "Nobody can be asked" in technique("prompting").why_not(brief_of([chat]))
    with pytest.raises(UsageError, match="Did you mean 'chat'"):
        technique("prompting").why_not(brief_of([chat]), PromptingParams(reflector="caht"))
    with pytest.raises(UsageError, match="no candidate is a chat model"):
        next(improver_of("prompting")(brief_of([linear])))
    with pytest.raises(UsageError, match="Did you mean 'chat'"):
        next(improver_of("prompting", {"candidate": "chta"})(brief_of([linear, chat])))
