"""Each thing that can go wrong raises the alarm that is for it, and no other: from the live store to the alert."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.live import Feedback, Rollout, Served
from merits.core.release import Promise, Release
from merits.production.monitored import Monitor
from merits.reading.seen import Lens
from merits.store import open_live
from tests.monitoring.traffic import CLASSES, reference, served

BEFORE, AFTER = 600, 1_500


def alerts_of(folder: Path, *, labelled: bool = True, left: bool = False, **change: object) -> set[tuple[str, str]]:
    """The kinds and streams of all alerts that follow a change, after 600 good requests that raise none."""
    task, held = reference()
    task = replace(task, folder=str(folder))
    artefacts = folder / "releases" / "1" / "artefacts"
    artefacts.mkdir(parents=True)
    (artefacts / "reference.json").write_bytes(msgspec.json.encode(held))
    release = Release(
        task=task.id,
        task_name=task.name,
        version=1,
        kind=task.kind,
        candidate=Candidate(name="c", kind="most-common"),
        candidate_version="v",
        promise=Promise(metric="accuracy"),
        needs=task.needs,
        scorers=task.scorers,
        classes=CLASSES,
        made_at=0.0,
        merits="0",
        n_examples=600,
    )
    live = open_live(":memory:")
    live.add([release, Rollout(task=task.name, at=0.0, champion=1, reason="the first")])
    monitor = Monitor(task, live, store=":memory:", releases=folder / "releases", clock=lambda: 1.0)
    generator, lens, found = np.random.default_rng(5), Lens.of(held), set[tuple[str, str]]()
    for start, n, what in ((1, BEFORE, {}), (1 + BEFORE, AFTER, change)):
        some = served(generator, n, lens, start=start, **what)  # type: ignore[arg-type]
        if left:
            some = [(replace(one, aside="left") if one.answer.failure else one, solved) for one, solved in some]
        for first in range(0, n, 300):
            live.add(records(some[first : first + 300], labelled=labelled))
            found |= {(alert.kind, alert.stream) for alert in monitor.look().new}
        if not what:
            assert found == set()
    return found


def records(some: list[tuple[Served, bool]], *, labelled: bool) -> list[Served | Feedback]:
    """What the store is given: requests, and what people said of those that were answered."""
    said = [
        Feedback(request=one.request, task=one.task, at=one.at, solved=solved, source="label")
        for one, solved in some
        if one.answer.failure is None
    ]
    return [*(one for one, _ in some), *(said if labelled else [])]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"refusing": 0.07}, {("refusals", "answer: refused")}),
        ({"slower": 1.6}, {("latency", "answer: latency")}),
        ({"dearer": 1.5}, {("cost", "answer: cost")}),
        ({"failing": 0.08}, {("errors", "answer: failed")}),
        ({"of_inputs": {"mean": 48.0}}, {("drift", "input: age")}),
    ],
)
def test_a_change_that_needs_no_label_raises_its_alarm_and_no_other(
    change: dict[str, object], expected: set[tuple[str, str]], tmp_path: Path
) -> None:
    """Refusals, latency, cost, errors, inputs."""
    assert alerts_of(tmp_path, labelled=False, **change) == expected


def test_clients_that_leave_are_no_failure_of_the_release(tmp_path: Path) -> None:
    """Whoever presses Stop would raise the alarm."""
    assert alerts_of(tmp_path, labelled=False, left=True, failing=0.08) == set()


def test_confidence_that_no_longer_means_what_it_meant_raises_quality_and_calibration(tmp_path: Path) -> None:
    """And nothing about inputs, answers, time or money: as sure as ever, and less often right."""
    assert alerts_of(tmp_path, drop=0.2) == {("quality", "quality"), ("calibration", "too sure")}


def test_a_model_that_becomes_unsure_raises_what_is_estimated_without_labels(tmp_path: Path) -> None:
    """Its confidence is what moved, and what it foretells."""
    found = alerts_of(tmp_path, labelled=False, unsure=0.25)
    assert found == {("estimated-quality", "estimated quality"), ("drift", "answer: confidence")}
