"""Results of other tools: what failed, what could not be scored and what is missing stay what they are."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.evaluating.importing import Reading, outcomes_file, read_results
from merits.testing.evaluations import tiny
from tests.evaluating.importing.making import (
    eval_file,
    harness_row,
    inspect_header,
    inspect_sample,
    lines,
    promptfoo_export,
    promptfoo_result,
    zstandard_archive,
)

SCORED, FAILED, UNSCORED, MISSING = Status.SCORED, Status.FAILED, Status.UNSCORED, Status.MISSING


def statuses(evaluation: Evaluation) -> dict[str, int]:
    return dict(zip(evaluation.examples.tolist(), evaluation.status[0].tolist(), strict=True))


# Inspect


@pytest.mark.parametrize(
    ("value", "expected"),
    [("C", 1.0), ("I", 0.0), ("P", 0.5), ("N", 0.0), (True, 1.0), (0.25, 0.25), ("yes", 1.0), ("0.75", 0.75)],
)
def test_every_way_inspect_writes_a_score_is_understood(tmp_path: Path, value: object, expected: float) -> None:
    evaluation = read_results(eval_file(tmp_path / "a.eval", [inspect_sample(1, value), inspect_sample(2, "C")]))
    assert evaluation.value[0].tolist() == [expected, 1.0]
    assert evaluation.solved[0].tolist() == [expected == 1.0, True]


def test_inspect_tells_failed_from_unscored_from_missing(tmp_path: Path) -> None:
    """NaN is unscored; an error failed; what the data set names and the log has not is missing."""
    samples = [
        inspect_sample(1, math.nan),
        inspect_sample(3, "C", scores=None),
        inspect_sample(4, "C", error={"message": "timeout"}),
        inspect_sample(5, "C", invalidation={"author": "me"}),
    ]
    evaluation = read_results(eval_file(tmp_path / "a.eval", samples, finished=False))
    assert statuses(evaluation) == {"1": UNSCORED, "3": UNSCORED, "4": FAILED, "5": UNSCORED, "2": MISSING}
    assert "did not finish" in evaluation.facts["status"]
    assert evaluation.task_name == "sums"


def test_inspect_keeps_epochs_costs_times_slices_and_inputs(tmp_path: Path) -> None:
    """Epochs are repeats, so they are one piece of evidence; inputs pair across runs, wherever they stand."""
    samples = [inspect_sample(1, "C"), inspect_sample(1, "I", epoch=2), inspect_sample(2, "C")]
    evaluation = read_results(eval_file(tmp_path / "a.eval", samples))
    assert evaluation.repeats.tolist() == [0, 1, 0]
    assert evaluation.group.tolist() == [0, 0, 1]
    assert evaluation.cost[0].tolist() == [0.002] * 3
    assert evaluation.latency_s[0].tolist() == [0.25] * 3
    assert evaluation.tags["language"].tolist() == ["en"] * 3
    plain = {**inspect_sample(1, "C"), "input": "What is 1?"}
    other = read_results(eval_file(tmp_path / "b.eval", [plain, inspect_sample(2, "C")]))
    assert other.input_hashes[0] == evaluation.input_hashes[0]


def test_inspect_json_is_the_same_as_its_archive(tmp_path: Path) -> None:
    samples = [inspect_sample(1, "C"), inspect_sample(2, math.nan)]
    (tmp_path / "a.json").write_text(json.dumps({**inspect_header(), "samples": samples}), "utf-8")
    one, two = read_results(tmp_path / "a.json"), read_results(eval_file(tmp_path / "a.eval", samples))
    assert statuses(one) == statuses(two) == {"1": SCORED, "2": UNSCORED}
    assert one.input_hashes.tolist() == two.input_hashes.tolist()


def test_zstandard_members_of_several_frames_are_read(tmp_path: Path) -> None:
    """Inspect writes Zstandard by default, and appends frames."""
    pytest.importorskip("backports.zstd")
    header, sample = json.dumps(inspect_header()).encode(), json.dumps(inspect_sample(1, "C")).encode()
    members = {"header.json": [header], "samples/1_epoch_1.json": [sample[:99], sample[99:]]}
    evaluation = read_results(zstandard_archive(tmp_path / "a.eval", members))
    assert statuses(evaluation) == {"1": SCORED, "2": MISSING}


def test_a_damaged_archive_is_an_error_with_its_member(tmp_path: Path) -> None:
    pytest.importorskip("backports.zstd")
    path = zstandard_archive(tmp_path / "a.eval", {"header.json": [json.dumps(inspect_header()).encode() * 9]})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"a\.eval, header\.json.* is broken"):
        read_results(path)
    path.write_bytes(bytes(data[:80]))
    with pytest.raises(DataError, match="not a whole archive"):
        read_results(path)


def test_a_score_of_several_parts_is_chosen_by_name(tmp_path: Path) -> None:
    samples = [inspect_sample(i, {"clear": 0.5, "right": 1.0}) for i in (1, 2)]
    path = eval_file(tmp_path / "a.eval", samples)
    assert read_results(path).value[0].tolist() == [0.5, 0.5]
    assert read_results(path, Reading(metric="match/right")).value[0].tolist() == [1.0, 1.0]
    with pytest.raises(DataError, match="Did you mean 'match/right'"):
        read_results(path, Reading(metric="match/rihgt"))


def test_a_score_out_of_range_is_refused_with_its_place(tmp_path: Path) -> None:
    """A grade from 1 to 10 is no share of anything until somebody says so."""
    with pytest.raises(DataError, match=r"samples/1_epoch_1\.json: the score is 7.*Rescale"):
        read_results(eval_file(tmp_path / "a.eval", [inspect_sample(1, 7)]))


# lm-evaluation-harness


def test_harness_rows_are_read_through_one_filter(tmp_path: Path) -> None:
    """One row for each document and filter: mixing filters would count documents twice."""
    rows = [harness_row(i, float(i == 0)) for i in range(3)]
    rows += [harness_row(i, 1.0, filter="flexible-extract") for i in range(3)]
    folder = tmp_path / "org__model"
    folder.mkdir()
    path = lines(folder / "samples_gsm8k_2026-11-01T10-00-00.000001.jsonl", rows)
    assert read_results(path).value[0].tolist() == [1.0, 0.0, 0.0]
    assert read_results(path, Reading(metric="exact_match,flexible-extract")).value[0].tolist() == [1.0, 1.0, 1.0]
    assert read_results(path).names == ("org/model",)
    assert read_results(path).task_name == "gsm8k"
    with pytest.raises(DataError, match=r"has no filter 'strict'\. Did you mean 'strict-match'"):
        read_results(path, Reading(metric="exact_match,strict"))


def test_harness_totals_lead_to_the_samples_beside_them(tmp_path: Path) -> None:
    date = "2026-11-01T10-00-00.000001"
    totals = {"results": {"a": {}}, "configs": {}, "model_name": "org/model-7b", "config": {}}
    (tmp_path / f"results_{date}.json").write_text(json.dumps(totals, indent=2), "utf-8")
    with pytest.raises(DataError, match=r"holds totals only.*--log_samples"):
        read_results(tmp_path / f"results_{date}.json")
    for task in ("a", "b"):
        lines(tmp_path / f"samples_{task}_{date}.jsonl", [harness_row(i, 1.0) for i in range(2)])
    lines(tmp_path / "samples_a_2026-10-01T10-00-00.000001.jsonl", [harness_row(0, 0.0)])
    evaluation = read_results(tmp_path / f"results_{date}.json")
    assert evaluation.names == ("org/model-7b",)
    assert evaluation.examples.tolist() == ["a/0", "a/1", "b/0", "b/1"]
    assert evaluation.tags["task"].tolist() == ["a", "a", "b", "b"]


def test_a_changed_prompt_is_another_input_to_the_harness(tmp_path: Path) -> None:
    one = read_results(lines(tmp_path / "one.jsonl", [harness_row(0, 1.0)]))
    two = read_results(lines(tmp_path / "two.jsonl", [harness_row(0, 1.0, prompt_hash="other")]))
    assert one.input_hashes[0] != two.input_hashes[0]


# promptfoo


def test_promptfoo_tells_errors_from_rejections_from_broken_graders(tmp_path: Path) -> None:
    """A grader's error is unscored, unless another assertion rejected the answer anyway."""
    broken = {"pass": False, "metadata": {"graderError": True}}
    rejected = {"pass": False}
    results = [
        promptfoo_result(0, "a", success=True),
        promptfoo_result(1, "a", success=False),
        promptfoo_result(2, "a", success=False, failureReason=2, gradingResult=None, error="504"),
        promptfoo_result(3, "a", success=False, gradingResult={"pass": False, "componentResults": [broken]}),
        promptfoo_result(4, "a", success=False, gradingResult={"pass": False, "componentResults": [broken, rejected]}),
        promptfoo_result(5, "a", success=False, gradingResult={"pass": False, "metadata": {"graderError": True}}),
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(promptfoo_export(results), indent=2), "utf-8")
    evaluation = read_results(path)
    assert evaluation.status[0].tolist() == [SCORED, SCORED, FAILED, UNSCORED, SCORED, UNSCORED]
    assert evaluation.solved[0].tolist() == [True, False, False, False, False, False]
    assert evaluation.latency_s[0, 0] == 0.25
    assert evaluation.task_name == "greetings"
    in_lines = read_results(lines(tmp_path / "results.jsonl", results))
    assert np.array_equal(in_lines.status, evaluation.status)


def test_promptfoo_candidates_are_providers_and_prompts(tmp_path: Path) -> None:
    results = [promptfoo_result(t, p, success=True, promptIdx=i) for t in (0, 1) for p in ("a", "b") for i in (0, 1)]
    evaluation = read_results(lines(tmp_path / "r.jsonl", results))
    assert evaluation.names == ("a, prompt 1", "a, prompt 2", "b, prompt 1", "b, prompt 2")


def test_a_cost_of_zero_is_unknown_to_promptfoo(tmp_path: Path) -> None:
    """It writes 0 where a provider has no price."""
    paid = [promptfoo_result(0, "a", success=True), promptfoo_result(0, "b", success=True, cost=0)]
    assert read_results(lines(tmp_path / "r.jsonl", paid)).priced.tolist() == [True, False]


def test_an_old_export_says_how_to_make_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(promptfoo_export([], version=2)), "utf-8")
    with pytest.raises(DataError, match="version 2; version 3 can be read"):
        read_results(tmp_path / "old.json")


# ours


def test_our_own_file_says_what_the_evaluation_said(tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_bytes(msgspec.json.encode(outcomes_file(tiny(n=9))))
    again, before = read_results(path), tiny(n=9)
    for name in ("status", "solved", "value", "cost", "latency_s", "priced", "examples", "input_hashes", "group"):
        assert np.array_equal(getattr(again, name), getattr(before, name)), name
    assert again.names == before.names
    assert again.versions == before.versions
    assert {name: texts.tolist() for name, texts in again.tags.items()} == {
        name: texts.tolist() for name, texts in before.tags.items()
    }


def test_our_own_file_is_small_enough_to_be_committed() -> None:
    """A thousand examples of one candidate in 60 kB: a hash, an id, a letter, and what varies."""
    evaluation = tiny(n=1000)
    assert len(msgspec.json.encode(outcomes_file(evaluation, ["steady"]))) < 60_000


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"examples": ["e0"]}, "does not hold together"),
        ({"schema": "merits.outcomes/9"}, "has the schema 'merits.outcomes/9'"),
        ({"candidates": [{"name": "x"}]}, "is no file of outcomes"),
        ({"groups": [0, 0, 1, 2**40]}, "does not hold together"),
        ({"tags": {"domain": ["a"]}}, "does not hold together"),
    ],
)
def test_a_file_of_ours_that_was_tampered_with_is_refused(
    tmp_path: Path, change: dict[str, object], found: str
) -> None:
    path = tmp_path / "main.json"
    path.write_text(json.dumps({**msgspec.to_builtins(outcomes_file(tiny())), **change}), "utf-8")
    with pytest.raises(DataError, match=found):
        read_results(path)


def test_only_rows_as_they_are_are_kept() -> None:
    """A perturbed row is not what is decided on."""
    evaluation = dataclasses.replace(tiny(), perturbations=np.array(["", "typos", "", ""]))
    assert outcomes_file(evaluation).examples == ["e0", "e2", "e3"]


# the door


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\x80\x04\x95\x00\x00pickled", "of no format that is known"),
        (b'{"some": "json"}', "JSON of no tool that is known"),
        (b'{"some": ', "is no JSON"),
        (b"PK\x03\x04 not a zip", "not a whole archive"),
        (b"", "holds no scores"),
    ],
)
def test_what_is_of_no_known_format_says_what_would_be(tmp_path: Path, content: bytes, found: str) -> None:
    """And a pickle is never opened."""
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(DataError, match=found) as problem:
        read_results(tmp_path / "results.json")
    assert problem.value.next_step
