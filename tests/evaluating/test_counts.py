"""What scorers count reaches the evaluation, the store and the requirement; repeats, raised errors and all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from merits.core.answer import Answer, Usage
from merits.core.doors import Store
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.outcome import Counts, Score, Status
from merits.core.task import Example, ScorerSpec
from merits.deciding.decide import decide
from merits.evaluating.scoring import Judge
from merits.media.sounds import Sound, wav_of
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
    assert (wer.statistic, bleu.statistic) == ("word_error_rate", "bleu")
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


class Hears(Fake):
    """Takes so many seconds of machine for each second of sound, a little more or less."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    async def _reply(self, input: JSON) -> Answer:
        number = int(str(input).removesuffix(".wav"))
        seconds = self._factor * (1 + number % 3) * (1.0 + 0.01 * (number % 5))
        return Answer("hello", usage=Usage(machine_s=seconds))


def test_a_real_time_factor_can_be_required_and_is_a_plain_number(store: Store, tmp_path: Path) -> None:
    """All seconds over all seconds, with an interval by leaving out clips: neither a rate nor bounded by 1."""
    for number in range(40):
        silence = Sound(np.zeros(8_000 * (1 + number % 3), np.float32), 8_000)
        (tmp_path / f"{number}.wav").write_bytes(wav_of(silence))
    examples = [Example(str(number), f"{number}.wav", "hello") for number in range(40)]
    scorers = [ScorerSpec("exact"), ScorerSpec("real_time_factor")]
    made = msgspec.structs.replace(task(examples=examples, scorers=scorers), folder=str(tmp_path))
    evaluation = run(made, named(quick=Hears(0.2), slow=Hears(1.7)), store)
    needs = Needs(requirements=(parse_requirement("real_time_factor <= 0.5"),))
    quick, slow = (decide(evaluation, needs).standing(name).requirements[0] for name in ("quick", "slow"))
    assert (quick.met, slow.met) == ("met", "not met")
    assert quick.estimate.unit == slow.estimate.unit == "value"
    assert quick.estimate.value == pytest.approx(0.2 * 1.02, rel=0.01)
    assert 0.18 < quick.estimate.low < quick.estimate.value < quick.estimate.high < 0.23
    assert quick.estimate.number(quick.estimate.value) == "0.204"
