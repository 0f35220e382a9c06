"""A judge measured against people: the numbers are those of a direct count, and nothing is asked twice."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from merits import flow, make_task
from merits.cli import main
from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.task import Task
from merits.deciding.judges import JudgeCheck
from merits.testing.provider import FakeProvider
from merits.testing.provider.faults import Message
from tests.evaluating.test_judging import between

LLMBAR = Path(__file__).parents[3] / "shared/data/outcomes/LLMBar"


def labels_file(path: Path, rows: Sequence[dict[str, object]]) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def task_with(provider: FakeProvider, folder: Path, kind: str = "judge") -> Task:
    rows = [{"id": f"q{i}", "input": f"question {i}", "target": "right"} for i in range(4)]
    model = {"kind": "chat", "model": "j", "base_url": provider.base_url, "price": {"per_call": 0.01}}
    return make_task(rows, name="t", kind="generation", split="hash", scorers=[{"kind": kind, "model": model}])


def likes_long(messages: Sequence[Message]) -> str:
    """Says yes to whatever is longer than thirty characters."""
    return json.dumps({"verdict": "yes" if len(between(str(messages[1]["content"]), "ANSWER TO JUDGE")) > 30 else "no"})


def test_kinds_of_mistakes_and_length_are_what_they_are(tmp_path: Path) -> None:
    """A judge that likes long answers: 30 of 40 wrong ones pass because they are long, and the length says why."""
    rows: list[dict[str, object]] = []
    for i in range(80):
        right, long = i % 2 == 0, i % 8 < 6
        text = f"answer {i} " + ("x" * 40 if long else "")
        rows.append({"input": f"q{i}", "target": "right", "answer": text, "solved": int(right)})
    path = labels_file(tmp_path / "human.jsonl", rows)
    with FakeProvider(likes_long) as provider:
        task = task_with(provider, tmp_path)
        found = flow.check_judge(task, path, store=tmp_path / "store")
        again = flow.check_judge(task, path, store=tmp_path / "store")
        assert len(provider.requests) == 80
    assert (again.judged.n_asked, again.judged.n_calls) == (0, 80)
    assert again.judged.cost == pytest.approx(0.80)
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(0.5)
    assert found.false_positive is not None
    assert found.false_positive.value == pytest.approx(0.75)
    assert found.false_positive.n == 40
    assert found.false_negative is not None
    assert found.false_negative.value == pytest.approx(0.25)
    assert found.by_length is not None
    assert found.by_length.low is not None
    assert found.by_length.low > 0.1
    assert any("kinder to long answers" in sentence for sentence in found.verdict)
    assert any("not shown that the judge agrees" in sentence for sentence in found.verdict)


def test_stored_answers_are_judged_by_example_and_candidate(tmp_path: Path) -> None:
    """Labels of a run need no texts; a label of an answer that is not there says what to do."""

    def judge(messages: Sequence[Message]) -> str:
        return '{"verdict": "yes"}'

    with FakeProvider(judge) as provider:
        task = task_with(provider, tmp_path)
        flow.evaluate(task, {"a": lambda text: f"answer to {text}"}, store=tmp_path / "store")
        n_before = len(provider.requests)
        test = [example.id for example in task.split("test")]
        path = tmp_path / "human.csv"
        path.write_text("example,candidate,solved\n" + "".join(f"{name},a,yes\n" for name in test))
        found = flow.check_judge(task, str(path), store=tmp_path / "store")
        assert len(provider.requests) == n_before
        assert (found.n_judged, found.judged.n_asked) == (len(test), 0)
        path.write_text("example,candidate,solved\nq0,nobody,1\n")
        with pytest.raises(DataError, match=r"line 2: no answer of 'nobody' to 'q0' is stored\. Run it first"):
            flow.check_judge(task, str(path), store=tmp_path / "store")


def test_a_preference_for_a_place_is_told_from_chance(tmp_path: Path) -> None:
    """A judge that takes the first place nine times in ten."""

    def first(messages: Sequence[Message]) -> str:
        text = str(messages[1]["content"])
        return json.dumps({"verdict": "B" if "5" in between(text, "QUESTION") else "A"})

    rows: list[dict[str, object]] = [
        {"input": f"q{i}", "answer": f"one {i}", "other": f"two {i}", "preferred": i % 2} for i in range(60)
    ]
    with FakeProvider(first) as provider:
        task = task_with(provider, tmp_path, "pairwise")
        found = flow.check_judge(task, labels_file(tmp_path / "h.jsonl", rows), store=tmp_path / "store")
    n_second = sum("5" in f"q{i}" for i in range(60))
    assert found.inconsistent is not None
    assert found.inconsistent.value == 1.0
    assert found.first_place is not None
    assert found.first_place.value == pytest.approx(1 - n_second / 60)
    assert found.first_place_p is not None
    assert found.first_place_p < 1e-3
    assert any("prefers the first place" in sentence for sentence in found.verdict)


@pytest.mark.skipif(not LLMBAR.is_dir(), reason="the outcomes of LLMBar are not here")
@pytest.mark.parametrize(("llm", "strategy"), [("GPT-4", "Vanilla_NoRules"), ("GPT-4", "CoT"), ("LLaMA2", "Metrics")])
def test_real_judges_come_out_as_counted_directly(tmp_path: Path, llm: str, strategy: str) -> None:
    """The recorded verdicts of real judges on LLMBar, given again over HTTP, against a count of the table."""
    items, won = _llmbar(llm, strategy)
    if not items:
        pytest.skip(f"no outcomes of {llm} {strategy} in this copy")

    def replay(messages: Sequence[Message]) -> str:
        text = str(messages[1]["content"])
        one, two = won[between(text, "QUESTION")]
        swapped = between(text, "ANSWER A").startswith("(2)")
        winner = two if swapped else one
        return json.dumps({"verdict": "A" if (winner == 1) != swapped else "B"})

    rows: list[dict[str, object]] = [
        {"input": key, "answer": f"(1) {a}", "other": f"(2) {b}", "preferred": int(label == 1)}
        for key, a, b, label in items
    ]
    with FakeProvider(replay) as provider:
        task = task_with(provider, tmp_path, "pairwise")
        found = flow.check_judge(task, labels_file(tmp_path / "h.jsonl", rows), store=tmp_path / "store")
    _compare(found, items, won)


def _compare(found: JudgeCheck, items: Sequence[tuple[str, str, str, int]], won: dict[str, tuple[int, int]]) -> None:
    label = np.array([item[3] for item in items])
    pairs = np.array([won[item[0]] for item in items])
    consistent = pairs[:, 0] == pairs[:, 1]
    agree = consistent & (pairs[:, 0] == label)
    assert found.n_judged == len(items)
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(agree.mean())
    assert found.inconsistent is not None
    assert found.inconsistent.value == pytest.approx(1 - consistent.mean())
    assert found.first_place is not None
    assert found.first_place.value == pytest.approx(((pairs[:, 0] == 1).mean() + (pairs[:, 1] == 2).mean()) / 2)
    judge, human = pairs[consistent, 0] == 1, label[consistent] == 1
    chance = judge.mean() * human.mean() + (1 - judge.mean()) * (1 - human.mean())
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(((judge == human).mean() - chance) / (1 - chance))


def _llmbar(llm: str, strategy: str) -> tuple[list[tuple[str, str, str, int]], dict[str, tuple[int, int]]]:
    items, won = [], {}
    names = {"Natural": "Natural", "Neighbor": "Neighbor", "GPTInst": "GPTInst", "GPTOut": "GPTOut", "Manual": "Manual"}
    data = {name: json.loads((LLMBAR / f"{name}_dataset.json").read_text()) for name in names}
    with gzip.open(LLMBAR / "judge_outcomes.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            subset = row["subset"].rsplit("/", 1)[-1]
            if row["llm"] != llm or row["strategy"] != strategy or subset not in data or "CaseStudy" in row["subset"]:
                continue
            if row["winner_ab"] not in ("1", "2") or row["winner_ba"] not in ("1", "2"):
                continue
            item = data[subset][int(row["item"])]
            key = f"{subset} {row['item']}"
            if key not in won:
                items.append((key, item["output_1"], item["output_2"], int(row["label"])))
                won[key] = (int(row["winner_ab"]), int(row["winner_ba"]))
    return items, won


def test_the_command_prints_bars_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a user types, and what a program reads."""
    (tmp_path / "own.py").write_text("def judge(messages):\n    return {'verdict': 'yes'}\n")
    (tmp_path / "rows.csv").write_text("id,input,target\n" + "".join(f"q{i},What is {i}?,{i}\n" for i in range(9)))
    (tmp_path / "merits.yaml").write_text(
        "data: rows.csv\nkind: generation\nsplit: hash\nhuman_labels: human.csv\n"
        "scorers: [{kind: judge, model: {kind: python, function: 'own:judge'}}]\n"
        "candidates: [{kind: constant, output: x}]\n"
    )
    (tmp_path / "human.csv").write_text(
        "example,answer,solved\n" + "".join(f"q{i},answer {'a' * i},{i % 2}\n" for i in range(9))
    )
    assert main(["judge", "check", str(tmp_path / "merits.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "agrees with people" in shown
    assert "█" in shown
    assert "9 answers of the judge, 9 of them asked now; their cost is unknown." in shown
    assert main(["judge", "check", str(tmp_path / "merits.yaml"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["judged"]["n_asked"], said["false_positive"]["value"]) == ("merits.judge/1", 0, 1.0)


def test_a_decision_follows_the_labels_that_the_task_names(tmp_path: Path) -> None:
    """From the file to the verdict: the same run with and without labels says so, and asks nothing more."""
    rows = [{"id": f"q{i}", "input": f"What is {i}?", "target": str(i)} for i in range(300)]

    def judge(messages: JSON) -> JSON:
        return {"verdict": "yes"}

    options = {"name": "t", "kind": "generation", "split": "hash", "scorers": [{"kind": "judge", "model": judge}]}
    candidates = {"good": lambda text: f"good {text}", "bad": lambda text: f"bad {text}"}
    task = make_task(rows, candidates=candidates, **options)  # type: ignore[arg-type]
    plain = flow.run(task, store=tmp_path / "store")
    assert [reason.code for reason in plain.decision.reasons if reason.code.startswith("judge")] == ["judge-unchecked"]
    test = [example.id for example in task.split("test")][:60]
    path = tmp_path / "human.csv"
    path.write_text("example,candidate,solved\n" + "".join(f"{q},good,1\n{q},bad,0\n" for q in test))
    labelled = make_task(rows, candidates=candidates, human_labels=str(path), **options)  # type: ignore[arg-type]
    done = flow.stored_run(labelled, store=tmp_path / "store")
    assert done.decision.candidate == "good"
    assert "judge-corrected" in [reason.code for reason in done.decision.reasons]
    bad = done.decision.standing("bad")
    assert bad.relation == "worse"
    assert bad.quality is not None
    assert bad.quality.high is not None
    assert bad.quality.high < 0.1
    assert done.evaluation.facts["human labels"] == "120 answers"


def test_a_tie_that_is_solved_agrees_with_people_who_said_solved(tmp_path: Path) -> None:
    """And with those who said tie; it does not with those who said that the answer is not solved."""

    def tie(messages: Sequence[Message]) -> str:
        return json.dumps({"verdict": "tie"})

    said: list[object] = ["1"] * 12 + ["tie"] * 6 + ["0"] * 6
    rows: list[dict[str, object]] = [
        {"input": f"q{i}", "answer": f"one {i}", "other": f"two {i}", "solved": label} for i, label in enumerate(said)
    ]
    path = labels_file(tmp_path / "h.jsonl", rows)
    with FakeProvider(tie) as provider:
        plain = task_with(provider, tmp_path, "pairwise")
        (spec,) = plain.scorers
        lenient = replace(plain, scorers=(replace(spec, params={**spec.params, "tie_is_solved": True}),))
        shares = [flow.check_judge(task, path, store=tmp_path / "s").agreement for task in (plain, lenient)]
    assert [None if share is None else share.value for share in shares] == [6 / 24, 18 / 24]
