"""Fine-tuning is tried on the networks that candidates name: the methods, then a higher rate, then twice as long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merits.candidates.registry import check
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.errors import UsageError
from merits.improving.fine_tuning import Params, make, why_not
from merits.improving.registry import improver_of, technique
from merits.testing.contracts.improver import ImproverContract, brief_of, outcomes, task_of

EMBEDDED = Candidate(name="embedded", kind="embeddings-linear", metadata={"licence": "Apache-2.0"})
TUNED = Candidate(
    name="tuned", kind="transformer-finetune", params={"path": "other", "epochs": 1, "max_tokens": 64, "batch_size": 4}
)
TRANSLATOR = Candidate(name="translator", kind="seq2seq", params={"path": "small-marian", "beams": 2})
CHAT = Candidate(name="chat", kind="transformers", params={"path": "small-chat", "prompt": "Which? {input}"})
ALWAYS = Candidate(name="always", kind="constant", params={"output": "good"})
N = 400


class TestContract(ImproverContract):
    def make_improver(self) -> Improver:
        return improver_of("fine-tuning", {"rank": 4})

    def seeds(self) -> list[Candidate]:
        return [EMBEDDED, TUNED, CHAT, ALWAYS]


def brief(*seeds: Candidate) -> Brief:
    """All of them are right in three of four rows."""
    made = brief_of(seeds, task_of(N))
    solved = np.tile(np.arange(N) % 4 > 0, (len(seeds), 1))
    return replace(made, evaluation=replace(made.evaluation, solved=solved))


def driven(about: Brief, wrong: dict[str, int], **params: object) -> tuple[list[list[str]], list[Candidate]]:
    """The names it asked for, round by round, and what it kept; each is wrong in so many of the rows, the others in
    half of them.
    """
    rounds: list[list[str]] = []
    generator = make(Params(**params))(about)  # type: ignore[arg-type]
    try:
        asked = next(generator)
        while True:
            rounds.append([each.name for each in asked.candidates])
            made = outcomes(asked.candidates, about.task)
            solved = [np.arange(N) >= wrong.get(each.name, N // 2) for each in asked.candidates]
            asked = generator.send(replace(made, solved=np.array(solved)))
    except StopIteration as end:
        return rounds, list(end.value)


FULL = "embedded fine-tuned in full, rate 5e-05, 4 epochs"
LORA = "embedded fine-tuned by LoRA, rate 0.0005, 4 epochs"
HIGHER, LONGER = (
    "embedded fine-tuned by LoRA, rate 0.002, 4 epochs",
    "embedded fine-tuned by LoRA, rate 0.002, 8 epochs",
)


def test_the_better_method_is_tried_at_a_higher_rate_and_then_for_longer() -> None:
    rounds, kept = driven(brief(EMBEDDED, ALWAYS), {LORA: 80, HIGHER: 40, LONGER: 30})
    assert rounds == [[FULL, LORA], [HIGHER], [LONGER]]
    assert [each.name for each in kept] == [LONGER, HIGHER]
    assert kept[0].params == {
        "path": "all-MiniLM-L6-v2",
        "epochs": 8,
        "learning_rate": 0.002,
        "lora": {"rank": 8, "alpha": 16.0},
    }
    assert kept[0].metadata["licence"] == "Apache-2.0"
    assert "gain on dev" in kept[0].metadata
    check(kept[0])


def test_what_is_not_certainly_better_is_not_kept() -> None:
    """A hundred of 400 are wrong without it; 95 may be chance."""
    assert driven(brief(EMBEDDED), {LORA: 95, FULL: 95, HIGHER: 95, LONGER: 95})[1] == []


@pytest.mark.parametrize("writer", [CHAT, TRANSLATOR])
def test_a_language_model_is_trained_on_what_is_to_follow_its_prompts(writer: Candidate) -> None:
    asked = next(make(Params(processes=2))(brief(writer))).candidates
    assert [each.kind for each in asked] == [writer.kind, writer.kind]
    assert asked[1].params == {
        **writer.params,
        "train": {"epochs": 4, "learning_rate": 0.0005, "lora": {"rank": 8, "alpha": 16.0}, "processes": 2},
    }
    check(asked[1])


def test_a_network_is_trained_once_and_keeps_what_says_how_it_reads() -> None:
    """Two candidates of one network are one; how the seed was trained is what is looked for."""
    again = Candidate(name="again", kind="transformer-finetune", params={"path": "other", "epochs": 9})
    rounds, _ = driven(brief(TUNED, again), {}, methods=("full",))
    assert [name for names in rounds for name in names] == [
        "tuned fine-tuned in full, rate 5e-05, 4 epochs",
        "tuned fine-tuned in full, rate 0.0002, 4 epochs",
        "tuned fine-tuned in full, rate 5e-05, 8 epochs",
    ]
    asked = next(make(Params())(brief(TUNED))).candidates
    assert asked[0].params == {"path": "other", "max_tokens": 64, "epochs": 4, "learning_rate": 5e-5}


def test_an_encoder_of_no_candidate_is_measured_against_the_best() -> None:
    name = "mini fine-tuned in full, rate 5e-05, 4 epochs"
    rounds, kept = driven(brief(ALWAYS), {name: 10}, encoder="models/mini", methods=("full",))
    assert rounds[0] == [name]
    assert [each.name for each in kept] == [name]


def test_a_training_that_would_not_end_in_time_is_not_begun() -> None:
    """3 x 0.1 s x 400 rows x 4 epochs in 4 other folds are 1,920 s; twice as long is too long."""
    for left, names in [(100.0, []), (2000.0, [FULL, LORA, HIGHER])]:
        about = replace(brief(EMBEDDED), seconds_left=lambda left=left: left)
        rounds, _ = driven(about, {LORA: 80, HIGHER: 40})
        assert [name for asked in rounds for name in asked] == names


def test_a_trial_that_could_not_be_evaluated_is_a_failed_trial() -> None:
    generator = make(Params())(brief(EMBEDDED))
    asked = next(generator)
    made = outcomes(asked.candidates, task_of(N))
    nothing = replace(made, status=np.full_like(made.status, 0), solved=made.solved & False)
    assert not nothing.scored.any()
    again = generator.send(nothing)
    made = outcomes(again.candidates, task_of(N))
    assert len(again.candidates) == 1


def test_it_says_what_could_be_fine_tuned() -> None:
    assert why_not(brief(EMBEDDED)) == ""
    assert "name a folder" in why_not(brief(ALWAYS))
    assert why_not(brief(ALWAYS), Params(encoder="all-MiniLM-L6-v2")) == ""
    with pytest.raises(UsageError, match="Did you mean 'tuned'"):
        next(make(Params(candidates=("tunde",)))(brief(TUNED)))
    assert technique("fine-tuning").EFFORT == "trains long"
