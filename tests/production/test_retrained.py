"""Training again on fresh labels: proved on the newest of them and on the old test, released, and made to win."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

pytest.importorskip("river")
pytest.importorskip("skops")
from merits import flow
from merits.cli import main
from merits.core.doors import LiveStore
from merits.core.errors import CandidateError, TaskError, UsageError
from merits.core.task import Task
from merits.evaluating import Plan
from merits.production.released import release
from merits.production.retrained import fresh_of, retrain, retrain_step
from merits.store import open_live
from tests.production.a_past import FITTED, LINE, labels, served, task_in

N = 600


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveStore]:
    (tmp_path / ".merits").mkdir()
    opened = open_live(tmp_path / ".merits" / "live.sqlite")
    yield opened
    opened.close()


def in_production(folder: Path, live: LiveStore, candidates: str = FITTED, *, changed: bool = True) -> Task:
    """A task whose line serves, with labelled requests."""
    task = task_in(folder, candidates, changed=changed)
    flow.run(task)
    release(task, candidate="line", live=live)
    live.add([*served(N, changed=changed), *labels(N, changed=changed)])
    return task


def test_the_newest_are_tested_on_and_the_others_learned(tmp_path: Path, live: LiveStore) -> None:
    """In the order of time, each input once, and none that the task has."""
    task = task_in(tmp_path, FITTED)
    known = task.examples[0]
    live.add([*served(100), *labels(100)])
    live.add([replace(served(1)[0], request="again", input=known.input), replace(labels(1)[0], request="again")])
    found = fresh_of(task, live, hold_out=0.25)
    assert (len(found.taught), len(found.tested), found.n_known) == (75, 25, 1)
    assert [one.id for one in found.taught] == [f"r{n}" for n in range(75)]
    assert [one.id for one in found.tested] == [f"live r{n}" for n in range(75, 100)]
    inputs = {one.input_hash for one in (*task.examples, *found.taught, *found.tested)}
    assert len(inputs) == len({one.input_hash for one in task.examples}) + 100


def test_a_label_that_is_none_of_the_tasks_is_left_out(tmp_path: Path, live: LiveStore) -> None:
    task = task_in(tmp_path, FITTED)
    live.add([*served(100), *(replace(one, target="maybe") if n < 5 else one for n, one in enumerate(labels(100)))])
    assert fresh_of(task, live).n_strange == 5


def test_too_few_fresh_labels_are_said_with_how_many_are_needed(tmp_path: Path, live: LiveStore) -> None:
    task = task_in(tmp_path, FITTED)
    live.add([*served(100), *labels(8)])
    with pytest.raises(TaskError, match="8 fresh labelled cases") as problem:
        fresh_of(task, live)
    assert "67" in problem.value.next_step


def test_corrections_by_users_are_no_fresh_cases_unless_that_is_said(tmp_path: Path, live: LiveStore) -> None:
    """They correct what was wrong; who wants them all the same is told how."""
    task = task_in(tmp_path, FITTED)
    live.add([*served(100), *(replace(one, source="user") for one in labels(100))])
    with pytest.raises(TaskError, match=r"100 corrections by users are left out \(--users"):
        fresh_of(task, live)
    assert len(fresh_of(task, live, users=True).taught) == 70


def test_a_world_that_changed_is_better_on_fresh_and_worse_on_old(tmp_path: Path, live: LiveStore) -> None:
    """A person decides which of the worlds counts; until then nothing is released."""
    task = in_production(tmp_path, live)
    found = retrain(task, live=live)
    assert found.outcome == "worse on the old test"
    assert found.fresh_change.difference.low is not None
    assert found.fresh_change.difference.low > 0
    assert found.released is None
    assert len(live.releases("sea")) == 1


def test_what_is_better_is_released_beside_what_serves(tmp_path: Path, live: LiveStore) -> None:
    """The challenger answers silently, and the champion goes on serving."""
    task = in_production(tmp_path, live)
    found = retrain(task, live=live, despite_old=True, mode="shadow", share=0.5)
    assert found.outcome == "better"
    assert found.released is not None
    assert found.released.verified is not None
    assert "fresh cases" in found.released.release.reason
    last = live.rollouts("sea")[-1]
    assert (last.champion, last.challenger, last.mode, last.share) == (1, 2, "shadow", 0.5)
    said: list[str] = []
    with pytest.raises(UsageError, match="release 2 is being compared with 1 already"):
        retrain(task, live=live, despite_old=True, mode="canary", note=said.append)
    assert said == []  # and nothing was trained for it


def test_what_is_to_be_asked_is_agreed_to_before(tmp_path: Path, live: LiveStore) -> None:
    """Of one that is paid by use it is money."""
    task = in_production(tmp_path, live)

    def refuse(plan: Plan) -> None:
        raise UsageError(f"{plan.n_to_ask} to ask", "No.")

    with pytest.raises(UsageError, match=r"\d+ to ask"):
        retrain(task, live=live, dry_run=True, confirm=refuse)


def test_what_brings_nothing_is_not_released(tmp_path: Path, live: LiveStore) -> None:
    """More of the same world: no difference is shown, and the old one goes on."""
    task = in_production(tmp_path, live, changed=False)
    found = retrain(task, live=live)
    assert found.outcome == "not shown"
    assert found.released is None


def test_a_second_time_learns_what_the_first_did_too(tmp_path: Path, live: LiveStore) -> None:
    """What serves was retrained before: its fresh cases are not forgotten."""
    task = in_production(tmp_path, live)
    first = retrain(task, live=live, despite_old=True)
    assert first.released is not None
    from merits.production.released import activate

    activate(task, first.released.release.version, live=live)
    live.add([*served(N, start=N), *labels(N, start=N)])
    second = retrain(task, live=live, dry_run=True, since=served(1, start=N)[0].at - 0.5)
    assert second.old.kind == "augmented"
    learned = (tmp_path / str(second.new.params["extra"])).read_text().splitlines()
    assert len(learned) == len(first.fresh.taught) + len(second.fresh.taught)
    assert second.new.parts[0].parts == first.new.parts[0].parts


def test_what_learns_online_learns_them_in_order(tmp_path: Path, live: LiveStore) -> None:
    """From nothing, or on from its release: the same answers."""
    task = in_production(tmp_path, live, LINE)
    cold = retrain(task, live=live, dry_run=True, cold=True)
    assert "in their order" in cold.how
    assert cold.old.name == "line"
    warm = retrain(task, live=live, dry_run=True)
    assert warm.went_on_from == 1
    assert warm.fresh_change.difference == cold.fresh_change.difference


def test_who_learns_nothing_cannot_be_trained_again(tmp_path: Path, live: LiveStore) -> None:
    task = task_in(tmp_path, "  - {name: fixed, kind: constant, output: 'True'}\n")
    live.add([*served(100), *labels(100)])
    with pytest.raises(CandidateError, match="learns nothing"):
        retrain(task, live=live)


def test_as_a_step_after_an_alarm_it_finds_nothing_or_waits(tmp_path: Path, live: LiveStore) -> None:
    """Too few labels: later. A world that changed for the worse on the old test: a person. Neither is released."""
    task = task_in(tmp_path, FITTED)
    assert retrain_step(task, live=live).outcome == "not yet"
    task = in_production(tmp_path, live)
    found = retrain_step(task, live=live)
    assert (found.outcome, found.challenger) == ("nothing", None)
    assert "a person should look" in found.text


def test_as_a_step_it_waits_for_no_labels_where_content_is_not_kept(tmp_path: Path, live: LiveStore) -> None:
    """It says what to set."""
    task = task_in(tmp_path, FITTED)
    live.add([*(replace(one, input=None) for one in served(40)), *labels(40)])
    found = retrain_step(task, live=live)
    assert found.outcome == "nothing"
    assert "serve: {content: {keep: true}}" in found.text


def test_as_a_step_after_an_alarm_it_gives_a_release_that_serves_nobody(tmp_path: Path, live: LiveStore) -> None:
    """More labels where there were few: better, and as good as before."""
    task = task_in(tmp_path, FITTED.replace("linear_model.LogisticRegression", "neighbors.KNeighborsClassifier"))
    few = [one for n, one in enumerate(task.examples) if one.split == "test" or n < 20]
    task = replace(task, examples=tuple(few))
    flow.run(task)
    release(task, candidate="line", live=live)
    live.add([*served(1_500, changed=False), *labels(1_500, changed=False)])
    found = retrain_step(task, live=live, reason="an alarm")
    assert found.outcome == "found", found.text
    assert found.challenger == 2
    assert live.rollouts("sea")[-1].challenger is None
    made = live.releases("sea")[-1]
    fresh = fresh_of(task, live).tested
    assert made.promise.quality is not None
    assert made.n_examples == made.promise.quality.n == len(fresh)
    assert "of the old test" in made.reason
    artefacts = tmp_path / ".merits" / "releases" / "sea" / "2" / "artefacts"
    assert json.loads((artefacts / "reference.json").read_bytes())["n"] == len(fresh)


def test_the_command_says_what_is_better_by_how_much(
    tmp_path: Path, live: LiveStore, capsys: pytest.CaptureFixture[str]
) -> None:
    in_production(tmp_path, live)
    words = ["retrain", str(tmp_path / "t.yaml"), "--quiet"]
    assert main([*words, "--dry-run"]) == 1
    assert "a person should look" in capsys.readouterr().out
    assert main([*words, "--despite-old-test", "--canary", "0.1", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["schema"], body["outcome"]) == ("merits.retrain/1", "better")
    assert body["rollout"]["mode"] == "canary"
    assert main([*words, "--since", "yesterday"]) == 2
    assert "Write 30d" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*words, "--canary", "2"])
    assert ended.value.code == 2


def test_it_goes_on_from_what_the_release_had_learned(tmp_path: Path, live: LiveStore) -> None:
    """The recipe names its start by a hash; the release of it is verified, and the next one goes on from there."""
    task = in_production(tmp_path, live)
    first = retrain(task, live=live, despite_old=True)
    assert first.went_on_from == 1
    assert "goes on from what release 1 had learned" in first.how
    (student,) = first.new.parts
    assert (student.kind, student.parts) == ("warm-start", (first.old,))
    assert (tmp_path / str(student.params["start"]) / "model" / "estimator.skops").is_file()
    assert first.released is not None
    assert first.released.verified is not None
    assert first.released.verified.n_asked == 50
    from merits.production.released import activate

    activate(task, first.released.release.version, live=live)
    live.add([*served(N, start=N), *labels(N, start=N)])
    second = retrain(task, live=live, dry_run=True, since=served(1, start=N)[0].at - 0.5)
    assert second.went_on_from == 2
    assert second.new.parts[0].parts == (first.old,)
    assert second.new.parts[0].params["start"] != student.params["start"]


def test_asked_to_be_cold_it_begins_from_nothing(tmp_path: Path, live: LiveStore) -> None:
    """Another candidate than the warm one, and said."""
    task = in_production(tmp_path, live)
    cold = retrain(task, live=live, dry_run=True, cold=True)
    assert (cold.went_on_from, cold.new.parts) == (None, (cold.old,))
    assert "from nothing, on dev and on these (as asked)" in cold.how


FOREST = FITTED.replace("linear_model.LogisticRegression", "ensemble.RandomForestClassifier")


def test_what_cannot_go_on_says_why_it_begins_from_nothing(tmp_path: Path, live: LiveStore) -> None:
    """New trees beside old ones would be outvoted."""
    task = in_production(tmp_path, live, FOREST)
    found = retrain(task, live=live, dry_run=True)
    assert "a RandomForestClassifier begins anew whenever it learns" in found.how
    assert found.went_on_from is None


def test_a_release_that_is_not_what_it_was_is_not_gone_on_from(tmp_path: Path, live: LiveStore) -> None:
    task = in_production(tmp_path, live)
    less = replace(task, examples=task.examples[2:])
    assert "since release 1" in retrain(less, live=live, dry_run=True).how
    kept = tmp_path / ".merits" / "releases" / "sea" / "1" / "artefacts" / "models" / "0" / "learner.json"
    kept.write_bytes(kept.read_bytes() + b" ")
    assert "is not what it was when it was released" in retrain(task, live=live, dry_run=True).how


def test_what_was_learned_before_and_is_tested_on_now_is_not_gone_on_from(tmp_path: Path, live: LiveStore) -> None:
    """The window reaches back to what the serving one had learned from production: that would be no test."""
    task = in_production(tmp_path, live)
    first = retrain(task, live=live, despite_old=True)
    assert first.released is not None
    from merits.production.released import activate

    activate(task, first.released.release.version, live=live)
    again = retrain(task, live=live, dry_run=True, hold_out=0.6)
    assert again.went_on_from is None
    assert "the examples that it learns from have changed" in again.how
