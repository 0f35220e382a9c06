"""Retraining on a schedule: due when its time is over and labels came, once, and never past whoever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

pytest.importorskip("river")
pytest.importorskip("skops")
import merits
from merits import flow
from merits.core.doors import LiveStore
from merits.core.errors import TaskError
from merits.core.live import Alert
from merits.core.task import Task
from merits.core.watch import Loop, Monitoring, Retraining
from merits.production.looped import TaskLoop
from merits.production.released import release
from merits.store import open_live
from tests.production.a_past import FITTED, labels, served, task_in

DAY = 86_400.0
NEIGHBOURS = FITTED.replace("linear_model.LogisticRegression", "neighbors.KNeighborsClassifier")
LINE = "  - {name: other, kind: sklearn, estimator: sklearn.naive_bayes.GaussianNB}\n  - most-common\n"


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Production:
    """A task that learned little and serves; more of the same world comes, labelled."""

    def __init__(self, folder: Path, live: LiveStore) -> None:
        task = task_in(folder, NEIGHBOURS + LINE, changed=False)
        few = [one for n, one in enumerate(task.examples) if one.split == "test" or n < 20]
        self.task, self.live, self.n = replace(task, examples=tuple(few)), live, 0
        flow.run(self.task)
        release(self.task, candidate="line", live=live)
        self.began = live.rollouts("sea")[-1].at
        self.clock = Clock(self.began)

    def serve(self, n: int) -> None:
        """Requests that came after what serves began to."""
        some, said = (made(n, start=self.n, changed=False) for made in (served, labels))
        at = [self.began + 1.0 + (self.n + k) / 1_000 for k in range(n)]
        self.live.add([*map(lambda one, when: replace(one, at=when), some, at), *said])  # type: ignore[list-item]
        self.n += n

    def loop(
        self, *, every: str = "7 days", at_least: int = 200, names: tuple[str, ...] = (), **given: object
    ) -> Looped:
        loop = Loop(**({"steps": ("retrain", "compare", "switch"), "ask": ("switch",)} | given))  # type: ignore[arg-type]
        plan = Retraining(every=every, at_least=at_least, candidates=names)
        task = replace(self.task, monitor=Monitoring(loop=loop, retrain=plan))
        return Looped(task, self.live, self.clock)


class Looped(TaskLoop):
    """A loop that tells what it said."""

    def __init__(self, task: Task, live: LiveStore, clock: Clock) -> None:
        self.said: list[str] = []
        super().__init__(task, live, note=self.said.append, clock=clock)


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    (tmp_path / ".merits").mkdir()
    live = open_live(tmp_path / ".merits" / "live.sqlite")
    yield Production(tmp_path, live)
    live.close()


def test_it_is_due_once_its_time_is_over_and_labels_came(production: Production) -> None:
    """What is better is compared, as after an alarm; the reason says that it was the schedule. Not done twice."""
    production.serve(1_500)
    loop = production.loop()
    assert loop.advance().stage == "idle"
    production.clock.now += 6.9 * DAY
    assert loop.advance().stage == "idle"
    production.clock.now += 0.2 * DAY
    state = loop.advance()
    assert state.stage == "comparing", state.log
    assert state.log[0] == "schedule: every 7 days, and 1,500 labelled requests came since"
    rollout = production.live.rollouts("sea")[-1]
    assert (rollout.champion, rollout.challenger, rollout.mode) == (1, 2, "shadow")
    assert rollout.reason.startswith("on schedule: every 7 days")
    again = production.loop()  # a monitor that is restarted
    assert again.advance().stage == "comparing"
    assert len(production.live.releases("sea")) == 2


def test_too_few_labels_are_waited_for(production: Production) -> None:
    """They are counted again after ten minutes, not at every look."""
    loop = production.loop()
    production.serve(150)
    production.clock.now += 8 * DAY
    assert loop.advance().stage == "idle"
    production.serve(50)
    assert loop.advance().stage == "idle"
    production.clock.now += 601.0
    assert loop.advance().log[0].startswith("schedule: every 7 days, and 200 labelled")


def test_what_brings_nothing_is_tried_again_when_the_time_is_over_again(production: Production) -> None:
    """Also by another process: when it was tried last is in the live store."""
    production.serve(200)
    plan = {"names": ("most-common",), "at_least": 100}
    production.clock.now += 8 * DAY
    first = production.loop(**plan)  # type: ignore[arg-type]
    state = first.advance()
    assert state.stage == "idle"
    assert "not shown" in state.log[-1]
    n = len(state.log)
    production.serve(200)
    assert len(production.loop(**plan).advance().log) == n  # type: ignore[arg-type]


def test_a_person_is_asked_where_the_task_file_says_so(production: Production) -> None:
    """By default that is before anything is trained; a no ends it until the next time."""
    production.serve(300)
    production.clock.now += 8 * DAY
    loop = production.loop(steps=("re-evaluate",), ask=("retrain", "compare", "switch"))
    assert loop.advance().stage == "retrain"
    assert loop.waiting_for == "retrain"
    assert len(production.live.releases("sea")) == 1
    loop.decline("eva")
    assert loop.state.log[-1] == "retrain: declined by eva"
    assert loop.advance().stage == "idle"


def test_an_alarm_goes_before_the_schedule(production: Production) -> None:
    """Retraining that waits for a person holds up nothing."""
    production.serve(300)
    production.clock.now += 8 * DAY
    loop = production.loop(steps=("re-evaluate",), ask=("retrain",))
    loop.advance()
    alert = Alert(
        id="a1",
        task="sea",
        at=production.clock.now,
        kind="quality",
        stream="quality",
        severity="alarm",
        text="less is solved",
        release=1,
    )
    production.live.add([alert])
    state = loop.advance()
    said = [line.partition(":")[0] for line in state.log]
    assert said == ["schedule", "schedule", "alarm", "re-evaluate"]
    assert state.log[1] == "schedule: it gives way to an alarm"
    assert state.alerts == ("a1",)


def test_stopped_after_it_made_a_release_it_makes_no_other(production: Production) -> None:
    """Though more labels have come since."""
    production.serve(1_500)
    loop = production.loop()
    alert = Alert(
        id="a1", task="sea", at=production.began, kind="quality", stream="q", severity="alarm", text="less", release=1
    )
    assert loop.retrain(alert).challenger == 2
    production.serve(100)
    found = loop.retrain(alert)
    assert (found.outcome, found.challenger) == ("found", 2)
    assert len(production.live.releases("sea")) == 2


def test_of_several_the_best_goes_on(production: Production) -> None:
    """Both are better with more labels; one release is made."""
    production.serve(1_500)
    production.clock.now += 8 * DAY
    state = production.loop(names=("line", "other")).advance()
    made = production.live.releases("sea")
    assert len(made) == 2, state.log
    assert "retrained" in made[-1].candidate.name


def test_a_schedule_that_is_none_is_an_error_of_the_task_file(tmp_path: Path) -> None:
    """With what would be right."""
    task_in(tmp_path, FITTED)
    file = tmp_path / "t.yaml"
    text = file.read_text()
    for given, said in (
        ("every: soon", "7 days, 12 hours"),
        ("candidates: [lone]", "line"),
        ("at_least: 0", "at_least"),
    ):
        file.write_text(f"{text}monitor: {{retrain: {{{given}}}}}\n")
        with pytest.raises(TaskError) as problem:
            merits.load_task(file)
        assert said in str(problem.value)
    file.write_text(f"{text}monitor: {{retrain: {{every: 12 hours, candidates: [line]}}}}\n")
    found = merits.load_task(file).monitor.retrain
    assert found is not None
    assert (found.every_s, found.at_least) == (43_200.0, 200)
