"""What scorers count reaches the evaluation, the store and the requirement; repeats, raised errors and all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.doors import Store
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.outcome import Counts, Score, Status
from merits.core.task import Example, ScorerSpec
from merits.deciding.decide import decide
from merits.evaluating.scoring import Judge
from merits.scorers.counted import STATISTICS
from merits.store import open_store
from merits.tasks.requirements import parse_requirement
from merits.testing.models import Constant, Fake
from tests.evaluating.making import named, run, task

pytest.importorskip("jiwer")
pytest.importorskip("sacrebleu")

TARGET = "the quick brown fox jumps over it"
EXAMPLES = [Example(f"t{i}", f"{i}.wav", TARGET) for i in range(30)]


class Says(Fake):
    """Says what a function does."""

    def __init__(self, function: Callable[[str], str]) -> None:
        super().__init__()
        self._function = function

    async def _reply(self, input: JSON) -> Answer:
        return Answer(self._function(str(input)))


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def test_counts_of_all_scorers_are_kept_and_can_be_required(store: Store) -> None:
    """The first scorer's and the others'; loaded again they are the same."""
    said = Says(lambda text: "the quick brown fox jumps" if text.startswith("1") else TARGET)
    scorers = [ScorerSpec("wer"), ScorerSpec("bleu", name="translation")]
    run(task(examples=EXAMPLES, scorers=scorers), named(said=said, mute=Constant("")), store)
    evaluation = store.evaluation(task(examples=EXAMPLES, scorers=scorers).id, "test")
    assert evaluation is not None
    wer, bleu = evaluation.counts["wer"], evaluation.counts["translation"]
    assert (wer.statistic, bleu.statistic) == ("error_rate", "bleu")
    assert wer.values.sum(axis=1).tolist() == [[22.0, 210.0], [210.0, 210.0]]
    assert float(STATISTICS["bleu"].value(bleu.values[1].sum(axis=0))) == 0.0
    assert evaluation.facts["signature of translation"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|")
    assert "signature of wer" not in evaluation.facts
    needs = Needs(requirements=(parse_requirement("wer <= 30%"), parse_requirement("translation >= 0.5")))
    decision = decide(evaluation, needs)
    assert [result.met for result in decision.standing("said").requirements] == ["met", "met"]
    assert [result.met for result in decision.standing("mute").requirements] == ["not met", "not met"]


def test_a_scorer_that_counts_what_there_is_no_statistic_of_is_unusable() -> None:
    """It is the scorer's mistake, not the candidate's."""
    judge = Judge([("odd", lambda example, answer: Score(1.0, True, counts=Counts("rouge", (1.0,))))])
    assert judge.score(EXAMPLES[0], Answer("x")) is None
    names = ", ".join(STATISTICS)
    assert judge.unscored == {f"the scorer gave counts that are none of {names}": 1}


def test_what_failed_has_no_counts(store: Store) -> None:
    """Zeros, behind the mask of the status."""

    def said(text: str) -> str:
        if text == "3.wav":
            raise TimeoutError
        return TARGET

    evaluation = run(task(examples=EXAMPLES, scorers=[ScorerSpec("wer")], timeout_s=5.0), named(a=Says(said)), store)
    failed = evaluation.status[0] == Status.FAILED
    assert failed.sum() == 1
    assert np.all(evaluation.counts["wer"].values[0, failed] == 0.0)
