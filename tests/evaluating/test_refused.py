"""Refusals and models that change while they are asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.outcome import Score
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.evaluating.scoring import Judge
from merits.store import open_store
from merits.testing.provider import FakeProvider, Said

EXAMPLES = tuple(Example(str(n), f"question {n}", "yes" if n % 2 else "no") for n in range(8))


class Notes:
    """Progress that keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def started(self, plan: object) -> None: ...

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finished(self) -> None: ...


def evaluated(task: Task, provider: FakeProvider, folder: Path, notes: Notes | None = None) -> Evaluation:
    """The evaluation of one chat model of the fake provider."""
    candidate = Candidate(name="mine", kind="chat", params={"model": "small", "base_url": provider.base_url})
    store = open_store(folder / "store")
    try:
        return asyncio.run(evaluate(task, [candidate], store=store, progress=notes, env={}))
    finally:
        store.close()


@pytest.mark.parametrize("kind", ["classification", "generation"])
def test_a_refusal_is_scored_and_not_solved_whatever_it_says(kind: str, tmp_path: Path) -> None:
    """The text "I cannot say yes" holds the right label; it is no answer all the same, and no label was said."""
    task = Task(
        name="t",
        kind="classification" if kind == "classification" else "generation",
        examples=EXAMPLES,
        scorers=(ScorerSpec("contains"),),
        classes=("no", "yes") if kind == "classification" else (),
    )
    with FakeProvider(lambda messages: Said(refusal="I can say no yes.", finish="refusal")) as provider:
        found = evaluated(task, provider, tmp_path)
    assert found.scored.all()
    assert not found.solved.any()
    assert not found.value.any()
    if found.labels is not None:
        assert np.all(found.labels.predicted == -1)
    else:
        assert found.silent is not None
        assert found.silent.all()


def test_the_text_of_a_refusal_goes_to_no_scorer() -> None:
    """It is not the model's answer. Scorers of many answers together count it as an answer without a word."""
    seen: list[object] = []

    def scorer(example: Example, answer: Answer) -> Score:
        seen.append(answer.output)
        return Score(1.0, True)

    judge = Judge([("first", scorer), ("second", scorer)])
    answer = Answer("I cannot help with that.", refused=True)
    assert judge.score(EXAMPLES[0], answer) == Score(0.0, False, "refused")
    assert judge.other_scores(EXAMPLES[0], answer) == [("second", Score(0.0, False, "refused"))]
    assert set(seen) == {""}
    assert not judge.unscored


def test_a_model_that_changes_within_a_run_is_reported(tmp_path: Path) -> None:
    """Then the answers are not all of one candidate: it is noted, and a fact of the evaluation."""
    task = Task(name="t", kind="generation", examples=EXAMPLES, scorers=(ScorerSpec("normalised"),))
    notes = Notes()
    with FakeProvider(lambda messages: "yes") as provider:

        def reply(messages: object) -> str:
            provider.model = "small-11" if len(provider.requests) >= 5 else "small-08"
            return "yes"

        provider.reply = reply
        found = evaluated(task, provider, tmp_path, notes)
    said = found.facts["not always the same behind mine"]
    assert said in ("model: small-08 (5 answers), small-11 (3)", "model: small-08 (6 answers), small-11 (2)")
    assert any("not all answers came from the same model" in note for note in notes.notes)


def test_a_model_that_stays_the_same_is_not_mentioned(tmp_path: Path) -> None:
    """Nothing to say."""
    task = Task(name="t", kind="generation", examples=EXAMPLES, scorers=(ScorerSpec("normalised"),))
    notes = Notes()
    with FakeProvider(lambda messages: "yes") as provider:
        found = evaluated(task, provider, tmp_path, notes)
    assert not [name for name in found.facts if name.startswith("not always")]
    assert not notes.notes
