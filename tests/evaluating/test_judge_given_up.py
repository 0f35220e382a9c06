"""A judge that cannot be read is given up before it has cost much, and says what to change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from merits.cli import main
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.task import ScorerSpec
from merits.deciding.decide import decide
from merits.testing.provider import FakeProvider
from merits.testing.provider.faults import Message
from merits.testing.provider.saying import Said
from tests.evaluating.making import Watcher, named, run
from tests.evaluating.test_judging import between, fair, open_store, right, task_of, told

FIRST = 10  # verdicts, each of which takes three calls: the first and two corrections


def unreadable(messages: Sequence[Message]) -> str:
    return "I would say that it is fine."


@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_judge_that_is_never_readable_costs_ten_verdicts(tmp_path: Path, concurrency: int) -> None:
    """However many are judged at once: 30 calls and no more, and none in the next run."""
    watcher = Watcher()
    with FakeProvider(unreadable) as provider:
        for _ in range(2):
            with open_store(tmp_path / "s") as store:
                task = task_of(provider, n=100, settings={"concurrency": concurrency})
                found = run(task, named(right=right), store, watcher=watcher)
            assert len(provider.requests) == 3 * FIRST
    assert (found.status == Status.UNSCORED).all()
    why = found.facts["given up on judge judge"]
    assert why.startswith("none of its first 10 verdicts could be read")
    assert "response_schema" in why
    decision = decide(found, Needs())
    assert "judge-given-up" in [reason.code for reason in decision.reasons]
    assert "judge-unchecked" not in [reason.code for reason in decision.reasons]
    assert decision.next_step.startswith("Change the judge")
    assert "90, the judge was given up" in found.facts["unscored"]
    assert found.judged[0].n_unscored == 100
    assert [note for note in watcher.notes if "judge judge: given up" in note]


def test_pairs_are_given_up_too(tmp_path: Path) -> None:
    """The first order already cannot be read, so the second is not asked for."""
    with FakeProvider(unreadable) as provider, open_store(tmp_path / "s") as store:
        found = run(task_of(provider, kind="pairwise", n=60), named(right=right), store)
        assert len(provider.requests) == 3 * FIRST
    assert (found.status == Status.UNSCORED).all()


def test_a_judge_that_refuses_everything_is_given_up(tmp_path: Path) -> None:
    """A refusal is no verdict either; it is not corrected, so ten calls are all."""

    def refusing(messages: Sequence[Message]) -> Said:
        return Said(refusal="I cannot judge that.", finish="refusal")

    with FakeProvider(refusing) as provider, open_store(tmp_path / "s") as store:
        found = run(task_of(provider, n=60), named(right=right), store)
        assert len(provider.requests) == FIRST
    assert "the judge refused" in found.facts["given up on judge judge"]


def test_a_judge_that_needs_to_be_told_is_kept(tmp_path: Path) -> None:
    """It is read in the end, whatever its first replies look like."""
    with FakeProvider(told) as provider, open_store(tmp_path / "s") as store:
        found = run(task_of(provider, n=60), named(right=right), store)
    assert found.solved.all()


def test_a_judge_that_stops_being_readable_is_given_up_and_what_is_stored_counts(tmp_path: Path) -> None:
    """After 50 in a row; verdicts that are there already are kept, and are there for the next run."""

    def until_twenty(messages: Sequence[Message]) -> str:
        text = str(messages[1]["content"])
        return fair(messages) if int(between(text, "QUESTION").split()[2]) < 20 else "maybe"

    settings = {"concurrency": 4}
    with FakeProvider(until_twenty) as provider, open_store(tmp_path / "s") as store:
        found = run(task_of(provider, n=200, settings=settings), named(right=right), store)
        n_calls = len(provider.requests)
        assert 20 + 3 * 50 <= n_calls <= 20 + 3 * 50 + 3 * 4
        assert found.facts["given up on judge judge"].startswith("no 50 in a row verdicts could be read")
        again = run(task_of(provider, n=200, settings=settings), named(right=right), store)
        assert len(provider.requests) == n_calls
    for each in (found, again):
        assert int((each.status == Status.SCORED).sum()) == 20


def test_two_judges_of_one_model_are_given_up_apart(tmp_path: Path) -> None:
    """One form is read and the other is not: the judge whose form is read goes on."""

    def yes_only(messages: Sequence[Message]) -> str:
        return json.dumps({"verdict": "yes"})

    with FakeProvider(yes_only) as provider, open_store(tmp_path / "s") as store:
        task = task_of(provider, n=40)
        model = task.scorers[0].params["model"]
        graded = ScorerSpec("judge", {"model": model, "scale": 5, "solved_at": 4}, "grades")
        found = run(replace(task, scorers=(*task.scorers, graded)), named(right=right), store)
    assert found.solved.all()
    assert "given up on judge grades" in found.facts
    assert "given up on judge judge" not in found.facts
    assert len(provider.requests) == 40 + 3 * FIRST


def test_a_check_of_an_unreadable_judge_ends_early(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty calls for sixty labels, exit 3, and what to change on the terminal."""
    monkeypatch.chdir(tmp_path)
    with FakeProvider(unreadable) as provider:
        (tmp_path / "rows.csv").write_text("id,input,target\n" + "".join(f"q{i},What is {i}?,{i}\n" for i in range(60)))
        (tmp_path / "merits.yaml").write_text(
            "data: rows.csv\nkind: generation\nsplit: hash\nhuman_labels: human.csv\n"
            f"scorers: [{{kind: judge, model: {{kind: chat, model: j, base_url: '{provider.base_url}'}}}}]\n"
            "candidates: [{kind: constant, output: x}]\n"
        )
        (tmp_path / "human.csv").write_text(
            "example,answer,solved\n" + "".join(f"q{i},answer {i},{i % 2}\n" for i in range(60))
        )
        assert main(["judge", "check"]) == 3
        assert len(provider.requests) == 3 * FIRST
    out = capsys.readouterr().out
    assert "50 could not be judged: the judge was given up: none of its first 10 verdicts could be read" in out
    assert "Name a model that keeps to the form" in out
