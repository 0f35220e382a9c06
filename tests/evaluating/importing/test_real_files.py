"""The readers on files that the tools really wrote: fixtures/README.md says how."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.evaluating.importing import Reading, read_results, read_rows

FIXTURES = Path(__file__).parent / "fixtures"


def unpacked(name: str, folder: Path) -> Path:
    """A fixture as the tool named it, with what lies beside it."""
    source = FIXTURES / name
    for path in source.parent.glob("*"):
        data = path.read_bytes()
        (folder / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(data) if path.suffix == ".gz" else data)
    return folder / source.name.removesuffix(".gz")


def counts(evaluation: Evaluation, name: str) -> list[int]:
    """How many are missing, scored, failed and unscored."""
    return np.bincount(evaluation.status[evaluation.index(name)], minlength=4).tolist()


def test_an_inspect_log_with_epochs_and_failed_samples_is_read() -> None:
    """Epochs are repeats of one example, which is one piece of evidence; a sample with an error failed."""
    found = read_results(FIXTURES / "inspect" / "large.eval")
    assert ("openai/gpt-4o-large",) == found.names
    assert ("capitals", "exact", 24) == (found.task_name, found.scorer, found.n_rows)
    assert [0, 22, 2, 0] == counts(found, "openai/gpt-4o-large")
    assert {"q11"} == set(found.examples[found.status[0] == Status.FAILED])
    assert 18 == found.solved.sum()
    assert ["q1", "q1", "q2"] == found.examples[:3].tolist()
    assert [0, 1, 0] == found.repeats[:3].tolist()
    assert 12 == len(np.unique(found.group))
    assert "Europe" == found.tags["continent"][0]


def test_a_nan_that_inspect_writes_is_unscored() -> None:
    """The scorer gave NaN where it could not judge: neither right nor wrong, and no number."""
    found = read_results(FIXTURES / "inspect" / "small.eval", Reading(metric="length"))
    unscored = found.status[0] == Status.UNSCORED
    assert {"q3"} == set(found.examples[unscored])
    assert np.isfinite(found.value).all()


def test_inspect_tokens_are_told_apart_by_kind() -> None:
    """Inspect's input tokens are without those read from a cache: 2 and 1 of the 3 that were asked."""
    rows = read_rows(FIXTURES / "inspect" / "large.eval").rows
    usage = rows[0].usage
    assert usage is not None
    assert (2, 1, 1) == (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)
    assert ("Capital of France?", "Paris", "Paris") == (rows[0].input, rows[0].target, rows[0].output)
    failed = next(row for row in rows if row.status == Status.FAILED)
    assert failed.usage is None
    assert "This is a bad_request" in failed.error


def test_what_a_grader_used_is_not_the_candidates() -> None:
    """The same model graded: `model_usage` counts 8 tokens for both, and 2 (and 1 cached) are the candidate's."""
    rows = read_rows(FIXTURES / "inspect" / "graded.eval").rows
    assert [("q1", 0), ("q1", 1), ("q2", 0), ("q2", 1), ("q3", 0), ("q3", 1)] == [
        (row.example, row.repeat) for row in rows[:6]
    ]
    usage = rows[0].usage
    assert usage is not None
    assert (2, 1, 1) == (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)


def test_each_of_several_scorers_can_be_chosen() -> None:
    """A grader that believes everything solved the question that is not exact."""
    path = FIXTURES / "inspect" / "graded.eval"
    graded, exact = read_results(path), read_results(path, Reading(metric="exact"))
    assert ("model_graded_qa", "exact") == (graded.scorer, exact.scorer)
    scored = graded.status[0] == Status.SCORED
    assert 6 == scored.sum()
    assert (6, 4) == (graded.solved.sum(), exact.solved.sum())


def test_the_latency_of_one_call_is_that_call_not_the_whole_sample() -> None:
    """`working_time` holds the scoring and the tool's own work."""
    found = read_results(FIXTURES / "inspect" / "large.eval")
    answered = found.status[0] == Status.SCORED
    assert 0.01 < found.latency_s[0][answered].min()
    assert not found.latency_s[0][~answered].any()


def test_a_cost_that_inspect_does_not_know_is_unknown() -> None:
    """It is not 0."""
    assert not read_results(FIXTURES / "inspect" / "small.eval").priced.any()


def test_an_inspect_run_that_was_killed_is_read_as_far_as_it_got() -> None:
    """One sample was still waited for: it is missing, and the rest counts."""
    found = read_results(FIXTURES / "inspect" / "killed.eval")
    assert [1, 11, 0, 0] == counts(found, "openai/gpt-4o-large")
    assert ["q5"] == found.examples[found.status[0] == Status.MISSING].tolist()
    assert "did not finish" in found.facts["status"]


def test_inspect_json_is_read_like_its_archive(tmp_path: Path) -> None:
    """Both formats of one tool say the same."""
    found = read_results(unpacked("inspect/small-3.json.gz", tmp_path))
    archive = read_results(FIXTURES / "inspect" / "small.eval")
    first = archive.repeats == 0
    assert archive.examples[first][:3].tolist() == found.examples.tolist()
    assert archive.input_hashes[first][:3].tolist() == found.input_hashes.tolist()
    assert archive.solved[0][first][:3].tolist() == found.solved[0].tolist()


@pytest.mark.parametrize("name", ["results.json", "results.jsonl"])
def test_a_promptfoo_export_is_read(name: str, tmp_path: Path) -> None:
    """An error of the provider failed; a grader that failed leaves the rest to judge, or nobody."""
    found = read_results(unpacked(f"promptfoo/{name}.gz", tmp_path))
    assert ("large", "small") == found.names
    assert [0, 9, 1, 2] == counts(found, "large")
    assert [0, 10, 0, 2] == counts(found, "small")
    assert ["10"] == found.examples[found.status[0] == Status.FAILED].tolist()
    assert ["2", "4"] == found.examples[found.status[0] == Status.UNSCORED].tolist()
    assert [7, 5] == found.solved.sum(axis=1).tolist()
    assert Status.SCORED == found.status[0][7]  # its grader failed, but another assertion rejected the answer
    assert not found.solved[0][7]


def test_promptfoo_costs_of_0_are_unknown_and_others_are_known(tmp_path: Path) -> None:
    """It knows no price of one of the two models, and says 0."""
    found = read_results(unpacked("promptfoo/results.json.gz", tmp_path))
    assert [True, False] == found.priced.tolist()
    assert found.cost[0].sum() == pytest.approx(11 * 9.75e-07 + 6e-07)


def test_promptfoo_prompt_tokens_contain_the_cached_ones(tmp_path: Path) -> None:
    """OpenAI's do; they are told apart, and sum to what was asked."""
    row = read_rows(unpacked("promptfoo/results.json.gz", tmp_path)).rows[0]
    assert row.usage is not None
    assert (2, 1, 1) == (row.usage.input_tokens, row.usage.cache_read_tokens, row.usage.output_tokens)
    assert ("Capital of France?", "Paris", "Paris") == (row.input, row.target, row.output)


def test_promptfoo_repeats_are_repeats_of_one_example(tmp_path: Path) -> None:
    """Each has a number of its own in the export; two questions asked twice are two pieces of evidence, not four."""
    found = read_results(unpacked("promptfoo/repeated.json.gz", tmp_path))
    assert (["0", "0", "1", "1"], [0, 1, 0, 1]) == (found.examples.tolist(), found.repeats.tolist())
    assert [[True] * 4, [True, True, False, False]] == found.solved[np.argsort(found.names)].tolist()


@pytest.mark.parametrize("name", ["grid.json", "grid.yaml"])
def test_providers_and_prompts_of_promptfoo_are_candidates(name: str, tmp_path: Path) -> None:
    """Two providers, two prompts, four tests and two assertions with names and weights: 16 outcomes of 4 examples."""
    path = unpacked(f"promptfoo/{name}.gz", tmp_path)
    found = read_results(path)
    assert {"openai:chat:large, prompt 1", "openai:chat:large, prompt 2", "hot, prompt 1", "hot, prompt 2"} == set(
        found.names
    )
    assert (4, "capitals") == (found.n_rows, found.task_name)
    solved = dict(zip(found.names, found.solved.sum(axis=1).tolist(), strict=True))
    assert {"openai:chat:large, prompt 1": 2, "hot, prompt 1": 2} == {k: n for k, n in solved.items() if n}
    right = read_results(path, Reading(metric="right"))  # without the assertion on the length
    assert 3 == right.solved[right.index("hot, prompt 1")].sum()
    mostly = read_results(path, Reading(solved_at=0.3))  # of the weighted score: "right" is a third of it
    assert 3 == mostly.solved[mostly.index("hot, prompt 1")].sum()


def test_promptfoos_table_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """It has no word for an error of the provider, which would count as a wrong answer."""
    with pytest.raises(DataError, match=r"grid\.csv is promptfoo's table.*promptfoo eval -o results\.json"):
        read_results(FIXTURES / "promptfoo" / "grid.csv")
    (tmp_path / "page.html").write_text("<!doctype html><html></html>", "utf-8")
    with pytest.raises(DataError, match=r"a page for readers.*promptfoo export eval"):
        read_results(tmp_path / "page.html")
    (tmp_path / "half.yaml").write_text("evalId: eval-1\nresults: [\n", "utf-8")
    with pytest.raises(DataError, match="not a whole YAML file"):
        read_results(tmp_path / "half.yaml")


def test_lm_eval_samples_are_read_through_one_filter(tmp_path: Path) -> None:
    """There is one row for each document and filter; the first filter is read unless another is named."""
    samples = unpacked("lm-eval/large/samples_capitals_2026-11-25T06-16-42.052508.jsonl.gz", tmp_path)
    strict = read_results(samples)
    assert (("large",), "capitals", "exact_match", 12) == (
        strict.names,
        strict.task_name,
        strict.scorer,
        strict.n_rows,
    )
    assert 10 == strict.solved.sum()
    assert 9 == read_results(samples, Reading(metric="exact_match,first-word")).solved.sum()
    assert not strict.priced.any()
    assert not strict.latency_s.any()


def test_lm_eval_totals_lead_to_the_samples_beside_them(tmp_path: Path) -> None:
    """The file that people name is often the one with the totals."""
    found = read_results(unpacked("lm-eval/small/results_2026-11-25T06-17-21.083804.json", tmp_path))
    assert (("small",), 7) == (found.names, found.solved.sum())


def test_lm_eval_prompts_and_answers_are_read(tmp_path: Path) -> None:
    """What was sent as chat messages is messages again."""
    samples = unpacked("lm-eval/small/samples_capitals_2026-11-25T06-17-21.083804.jsonl.gz", tmp_path)
    row = read_rows(samples).rows[1]
    assert [{"role": "user", "content": "Capital of Italy?"}] == row.input
    assert ("Rome", "Atlantis") == (row.target, row.output)


def test_the_fixtures_name_no_machine_and_are_small() -> None:
    """They go wherever the project goes."""
    files = [path for path in FIXTURES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 250_000
    for path in files:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        assert not re.search(rb"/(root|home|tmp|work|Users)/", text), path.name
