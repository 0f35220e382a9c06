"""Inputs in other words: whoever paraphrases is asked once for each text, and its answers are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from merits.candidates.objects import as_candidate
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.racing import Budget
from merits.core.robustness import Robustness, Strengths
from merits.core.task import Task
from merits.deciding.cases import POLICIES, Cases
from merits.evaluating import evaluate, plan
from merits.evaluating.perturbing import asked_again
from merits.store import open_store
from merits.testing.models import Replying
from tests.evaluating.making import Learner, named, run
from tests.evaluating.test_robustness import reading, words


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def text_of(messages: JSON) -> str:
    """The text that is to be put in other words."""
    assert isinstance(messages, list)
    return str(messages[0]["content"]).rsplit("\n\n", 1)[1]


def paraphraser(say: Any = lambda text: f'"Once more: {text}"') -> Replying:
    return Replying(lambda messages: say(text_of(messages)), fingerprint="paraphraser")


def by(model: Replying, *, name: str = "small", price: Price | None = None) -> Candidate:
    return replace(as_candidate(model, name=name), price=price)


def paraphrased(recipe: Candidate, *, n: int = 20, sample: int | None = None) -> Task:
    from tests.evaluating.making import task

    made = task(examples=words(n))
    return replace(made, robustness=Robustness((Strengths("paraphrase", by=recipe),), sample))


def test_everybody_is_asked_the_same_other_words(store: Store) -> None:
    model, one, two = paraphraser(), reading(), Replying(lambda input: "odd")
    found = run(paraphrased(by(model)), named(one=one, two=two), store)
    assert len(model.asked) == 20, "once for both"
    assert found.perturbations.tolist() == [""] * 20 + ["paraphrase"] * 20
    assert sorted(map(str, one.asked)) == sorted(map(str, two.asked))
    assert [str(one.asked[i]).startswith("Once more: number") for i in range(40)].count(True) == 20
    assert (found.status == Status.SCORED).all()
    assert found.facts["paraphrased by small"].startswith("20 texts (20 asked), ")


def test_nothing_is_asked_twice_neither_of_one_nor_of_the_other(store: Store) -> None:
    model, first = paraphraser(), reading()
    task, candidates = paraphrased(by(model)), named(reader=first)
    run(task, candidates, store)
    run(task, candidates, store)
    assert (len(model.asked), len(first.asked)) == (20, 40)
    other = Replying(lambda input: "odd")
    run(task, [*candidates, *named(other=other)], store)
    assert (len(model.asked), len(first.asked), len(other.asked)) == (20, 40, 40)


def test_answers_to_other_words_are_used_for_nobody_elses(store: Store) -> None:
    first = reading()
    candidates = named(reader=first)
    run(paraphrased(by(paraphraser())), candidates, store)
    other = Replying(lambda messages: f"Or so: {text_of(messages)}", fingerprint="another")
    run(paraphrased(by(other, name="other")), candidates, store)
    assert len(first.asked) == 20 + 20 + 20


def test_a_text_that_nobody_put_in_other_words_is_asked_of_nobody(store: Store) -> None:
    def fails(text: str) -> Answer:
        if " 7 " in text:
            return Answer(failure=Failure("server_error", "500"))
        return Answer("" if " 8 " in text else f"So: {text}")

    reader = reading()
    found = run(paraphrased(by(paraphraser(fails))), named(reader=reader), store)
    missing = found.examples[found.status[0] == Status.MISSING].tolist()
    assert missing == ["test7", "test8"]
    assert found.facts["could not be perturbed"].startswith("2 questions, asked of nobody (paraphrase: ")
    assert not Cases(found, POLICIES[0], perturbation="paraphrase").failed.any()


def test_a_plan_and_a_budget_count_who_paraphrases(store: Store) -> None:
    price = Price(per_call=0.01)
    task = paraphrased(by(paraphraser(), price=price), sample=10)
    reader = [replace(one, price=price) for one in named(reader=reading())]
    made = plan(task, reader, store=store)
    assert [(part.candidate, part.n_to_ask) for part in made.judges] == [("paraphrase by small", 10)]
    assert made.n_to_ask == 30 + 10
    assert made.forecast is not None
    assert made.forecast.cost is not None
    assert made.forecast.cost.value == pytest.approx(0.4)
    model = paraphraser()
    whole = paraphrased(by(model, price=price))
    found = asyncio.run(evaluate(whole, reader, store=store, budget=Budget.of("0.25 USD")))
    assert found.budget is not None
    assert found.budget.ended
    assert 0.15 < found.budget.spent <= 0.25 + 0.08
    asked = int((found.status != Status.MISSING).sum())
    assert found.budget.spent == pytest.approx(0.01 * (asked + len(model.asked)))
    again = plan(whole, reader, store=store)
    assert again.judges[0].n_to_ask == 20 - len(model.asked)


def test_what_was_asked_is_had_from_the_store_for_a_report(store: Store) -> None:
    """Nobody is asked for it."""
    model = paraphraser()
    task = paraphrased(by(model))
    found = run(task, named(reader=reading()), store)
    example = task.split("test")[3]
    asked = asked_again(task, "test", store)
    assert asked(example, found.levels[0]) == f"Once more: {example.input}"
    assert asked(replace(example, input="another text"), found.levels[0]) is None
    assert len(model.asked) == 20


def test_tokens_of_paraphrases_are_told_with_their_cost(store: Store) -> None:
    price = Price(input_per_million=1_000_000.0, output_per_million=1_000_000.0)

    def counts(text: str) -> Answer:
        return Answer(f"So: {text}", usage=Usage(input_tokens=3, output_tokens=2))

    found = run(paraphrased(by(paraphraser(counts), price=price)), named(reader=reading()), store)
    assert found.facts["paraphrased by small"] == "20 texts (20 asked), 100 USD"


def test_one_that_learns_cannot_paraphrase(store: Store) -> None:
    with pytest.raises(CandidateError, match="'small' learns from examples, so it cannot paraphrase"):
        run(paraphrased(by(Learner())), named(reader=reading()), store)  # type: ignore[arg-type]
