"""The improver of compressed copies: what it asks for, what it keeps, and what it says where it can do nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.improving.compression import Params, make, why_not
from merits.improving.registry import improver_of, technique_names
from merits.testing.contracts.improver import ImproverContract, brief_of, outcomes, task_of

TUNED = Candidate(name="tuned", kind="transformer-finetune", params={"path": "mini"}, metadata={"licence": "MIT"})
LINEAR = Candidate(name="linear", kind="text-linear")
PICTURES = Candidate(name="net", kind="image-cnn")
CHAT = Candidate(name="chat", kind="gguf", params={"path": "Small-Q6_K.gguf", "sha256": "0" * 64})
ALWAYS = Candidate(name="always", kind="constant", params={"output": "good"})
N = 400


class TestContract(ImproverContract):
    def make_improver(self) -> Improver:
        return improver_of("compression", {"margin": 20.0})

    def seeds(self) -> list[Candidate]:
        return [TUNED, LINEAR, CHAT, ALWAYS]


def evaluation(candidates: Sequence[Candidate], wrong: Mapping[str, int], slow: Mapping[str, float]) -> Evaluation:
    """Everybody is right but for the first so many rows, and answers in 0.1 s but for some."""
    made = outcomes(candidates, task_of(N))
    solved = np.array([np.arange(N) >= wrong.get(each.name, 0) for each in candidates])
    seconds = np.array([[slow.get(each.name, 0.1)] * N for each in candidates])
    return dataclasses.replace(made, solved=solved, value=solved.astype(float), latency_s=seconds)


def brief(*seeds: Candidate) -> Brief:
    return dataclasses.replace(brief_of(seeds, task_of(N)), evaluation=evaluation(seeds, {}, {}))


def driven(
    seeds: Sequence[Candidate], wrong: Mapping[str, int], slow: Mapping[str, float], **params: float
) -> tuple[list[list[str]], list[str]]:
    """The names it asked for, round by round, and those that it kept."""
    rounds: list[list[str]] = []
    generator = make(Params(**params))(brief(*seeds))  # type: ignore[arg-type]
    try:
        asked = next(generator)
        while True:
            rounds.append([each.name for each in asked.candidates])
            asked = generator.send(evaluation(asked.candidates, wrong, slow))
    except StopIteration as end:
        return rounds, [each.name for each in end.value]


def test_it_is_one_of_the_techniques() -> None:
    assert "compression" in technique_names()


def test_pruned_copies_are_tried_of_what_bore_int8() -> None:
    """A network that loses too much in 8 bits is not pruned on top."""
    rounds, kept = driven([TUNED, LINEAR], {}, {"tuned in ONNX": 0.05, "tuned in int8 ONNX": 0.02})
    pruned = "tuned without 30% of its units, in int8 ONNX"
    assert rounds == [["tuned in ONNX", "tuned in int8 ONNX", "linear in ONNX"], [pruned]]
    assert kept == ["tuned in int8 ONNX", "tuned in ONNX", pruned]  # the linear one in ONNX is no faster
    rounds, kept = driven([TUNED], {"tuned in int8 ONNX": 30}, {})
    assert (len(rounds), kept) == (1, [])


@pytest.mark.parametrize(("lost", "kept"), [(0, True), (2, False), (30, False)])
def test_a_copy_must_certainly_be_no_worse_than_the_margin(lost: int, kept: bool) -> None:
    """Half a point lost in 400 may be more than one point in truth."""
    found = driven([TUNED], {"tuned in int8 ONNX": lost}, {}, share=0.0)
    assert found == ([["tuned in ONNX", "tuned in int8 ONNX"]], ["tuned in int8 ONNX"] if kept else [])


def test_a_larger_margin_allows_more() -> None:
    assert driven([TUNED], {"tuned in int8 ONNX": 2}, {}, share=0.0, margin=3.0)[1] == ["tuned in int8 ONNX"]


def test_pictures_get_static_int8_and_copies_say_what_their_parent_said() -> None:
    """Dynamic int8 leaves convolutions alone; a licence holds for copies too."""
    asked = next(make(Params())(brief(PICTURES, TUNED)))
    assert [each.params["method"] for each in asked.candidates] == [["onnx"], ["int8-static"], ["onnx"], ["onnx-int8"]]
    assert [each.parts for each in asked.candidates] == [(PICTURES,), (PICTURES,), (TUNED,), (TUNED,)]
    assert asked.candidates[2].metadata == {"licence": "MIT"}


def test_files_of_lower_levels_are_named_after_the_one_that_is_there() -> None:
    """Without the hash, which is that of the other file; a level is not taken for a part of a word."""
    asked = next(make(Params())(brief(CHAT)))
    assert [each.params for each in asked.candidates] == [{"path": "Small-Q5_K_M.gguf"}, {"path": "Small-Q4_K_M.gguf"}]
    small = Candidate(name="gemma", kind="gguf", params={"path": "gemma-3-q5_k_m.gguf"})
    assert [each.params["path"] for each in next(make(Params())(brief(small))).candidates] == ["gemma-3-q4_k_m.gguf"]
    assert driven([Candidate(name="odd", kind="gguf", params={"path": "model.gguf"})], {}, {}) == ([], [])


def test_a_language_model_in_32_bits_is_tried_in_16() -> None:
    full = Candidate(name="full", kind="transformers", params={"path": "m"})
    half = Candidate(name="half", kind="transformers", params={"path": "m", "dtype": "float16"})
    asked = next(make(Params())(brief(full, half)))
    assert [each.params for each in asked.candidates] == [{"path": "m", "dtype": "bfloat16"}]


def test_what_could_not_be_evaluated_is_not_kept() -> None:
    """A crashed trial is a failed trial, and failures are not left out of the comparison."""
    for status in (Status.MISSING, Status.FAILED):
        generator = make(Params())(brief(TUNED))
        asked = next(generator)
        found = evaluation(asked.candidates, {}, {})
        broken = dataclasses.replace(found, status=np.full_like(found.status, status), solved=found.solved & False)
        with pytest.raises(StopIteration) as end:
            generator.send(broken)
        assert end.value.value == []


def test_it_says_why_it_can_do_nothing() -> None:
    """And what could be compressed, or how many rows would do."""
    assert "transformer-finetune, image-cnn, sklearn and text-linear can" in why_not(brief(ALWAYS))
    few = brief_of([TUNED], task_of(40))
    few = dataclasses.replace(few, evaluation=outcomes([TUNED], task_of(40)))
    assert "40 rows of dev are too few" in why_not(few)
    assert why_not(few, Params(margin=20.0)) == ""
    assert why_not(brief(TUNED, ALWAYS)) == ""
