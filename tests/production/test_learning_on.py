"""Learning from production: each label once, in order, across crashes, and nothing that serves is changed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

pytest.importorskip("river")
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.doors import Learning, LiveStore
from merits.core.errors import CandidateError, UsageError
from merits.core.live import Checkpoint, Feedback, Served
from merits.core.task import Example, Task
from merits.production.learning_on import LearningOn
from merits.store import open_live
from tests.production.a_past import LINE, N_TASK, labels, rows, served, task_in


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return task_in(tmp_path, LINE)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveStore]:
    opened = open_live(tmp_path / "live.sqlite")
    yield opened
    opened.close()


def taught_in_order(task: Task, n: int) -> bytes:
    """The state of a model that learned dev, and then so many labelled requests, one by one."""
    model = load(task.candidates[0], LoadContext(columns=("x0", "x1", "x2"), named=()))
    assert isinstance(model, Learning)
    model.fit(task.split("dev"))
    for x, y in rows(N_TASK + n)[N_TASK:]:
        model.learn_one(x, y)
    return model.state()


def test_learns_each_label_in_the_order_of_labels(task: Task, live: LiveStore) -> None:
    """Bit for bit what one would have learned that was told by hand."""
    live.add([*served(100), *labels(100)])
    learner = LearningOn(task, "line", live)
    assert learner.catch_up().n_learned == 100
    assert learner.model.state() == taught_in_order(task, 100)
    assert learner.catch_up().n_learned == 0


def test_goes_on_after_a_restart_where_it_was(task: Task, live: LiveStore) -> None:
    """State and place are one record: nothing is learned twice or left out, however it is cut."""
    live.add([*served(90), *labels(30)])
    LearningOn(task, "line", live).catch_up()
    live.add(labels(30, start=30))
    LearningOn(task, "line", live).catch_up(most=7)
    live.add(labels(30, start=60))
    last = LearningOn(task, "line", live)
    assert last.catch_up().n_learned_ever == 90
    assert last.model.state() == taught_in_order(task, 90)


def test_a_crash_before_the_checkpoint_learns_it_again_and_once(task: Task, live: LiveStore) -> None:
    """What was learned and not kept is lost with the process, and so is where it was."""

    class Dying:
        """A store that can no longer be written when a checkpoint comes."""

        def __getattr__(self, name: str) -> object:
            return getattr(live, name)

        def add(self, records: list[object]) -> None:
            if any(isinstance(record, Checkpoint) for record in records):
                raise KeyboardInterrupt
            live.add(records)  # type: ignore[arg-type]

    live.add([*served(40), *labels(40)])
    with pytest.raises(KeyboardInterrupt):
        LearningOn(task, "line", Dying()).catch_up()  # type: ignore[arg-type]
    learner = LearningOn(task, "line", live)
    assert learner.catch_up().n_learned == 40
    assert learner.model.state() == taught_in_order(task, 40)


def test_a_label_given_twice_or_otherwise_teaches_once(task: Task, live: LiveStore) -> None:
    """The first: what was learned cannot be taken back. After a restart too."""
    live.add([*served(20), *labels(20)])
    LearningOn(task, "line", live).catch_up()
    live.add([*labels(20), *(replace(one, target="other") for one in labels(20))])
    learner = LearningOn(task, "line", live)
    found = learner.catch_up()
    assert (found.n_learned, found.skipped) == (0, {"labelled before": 40})
    assert learner.model.state() == taught_in_order(task, 20)


def test_a_label_may_come_before_its_request_is_shipped(task: Task, live: LiveStore) -> None:
    """It waits, across a restart, and is learned once."""
    live.add(labels(10))
    found = LearningOn(task, "line", live).catch_up()
    assert (found.n_learned, found.n_waiting) == (0, 10)
    live.add(served(10))
    found = LearningOn(task, "line", live).catch_up()
    assert (found.n_learned, found.n_waiting) == (10, 0)
    assert LearningOn(task, "line", live).catch_up().n_learned == 0


def test_a_label_of_a_request_that_never_came_is_given_up(task: Task, live: LiveStore) -> None:
    """After a day."""
    live.add([replace(one, at=one.at - 200_000) for one in labels(3)])
    found = LearningOn(task, "line", live).catch_up()
    assert (found.n_waiting, found.skipped) == (0, {"of no request that is known": 3})


def test_nothing_of_the_test_is_learned_nor_what_was_not_kept(task: Task, live: LiveStore) -> None:
    """Else the comparison on the test would be worth nothing."""
    one = task.split("test")[0]
    live.add([replace(served(1)[0], request="t", input=one.input), replace(served(1)[0], request="n", input=None)])
    live.add([replace(labels(1)[0], request=name) for name in ("t", "n")])
    assert LearningOn(task, "line", live).catch_up().skipped == {"in the task's test": 1, "without content": 1}


def test_users_teach_only_where_that_is_said(task: Task, live: LiveStore) -> None:
    """Anybody may send a correction."""
    live.add([*served(5), *(replace(one, source="user") for one in labels(5))])
    assert LearningOn(task, "line", live).catch_up().n_learned == 0
    assert LearningOn(task, "line", live, sources=("label", "user")).catch_up().n_learned == 5


def test_says_when_it_is_certainly_better_than_what_was_served(task: Task, live: LiveStore) -> None:
    """Each request is asked as it came: the comparison is honest, and holds at any time."""
    live.add([*served(400, said="True"), *labels(400)])
    found = LearningOn(task, "line", live).catch_up()
    assert found.better
    assert found.gain is not None
    assert found.gain.n == 400
    assert "merits retrain" in found.text


def test_another_recipe_begins_anew(task: Task, live: LiveStore) -> None:
    """A state is of the recipe and the dev examples it came of."""
    live.add([*served(10), *labels(10)])
    LearningOn(task, "line", live).catch_up()
    other = replace(task.candidates[0], params={**task.candidates[0].params, "rate": 0.5})
    assert LearningOn(replace(task, candidates=(other,)), "line", live).catch_up().n_learned == 10


def test_what_learns_is_the_model_that_retraining_makes(task: Task, live: LiveStore) -> None:
    """So a release of it is proved like any other, and is the same to the last bit."""
    live.add([*served(30), *labels(30)])
    learner = LearningOn(task, "line", live)
    learner.catch_up()
    model = load(task.candidates[0], LoadContext(columns=("x0", "x1", "x2"), named=()))
    assert isinstance(model, Learning)
    more = [Example(str(n), x, y) for n, (x, y) in enumerate(rows(N_TASK + 30)[N_TASK:])]
    model.fit([*task.split("dev"), *more])
    input = {"x0": 3.0, "x1": 4.0, "x2": 5.0}
    said = [asyncio.run(one.answer(input)).probabilities for one in (model, learner.model)]
    assert said[0] == said[1]


def test_who_cannot_learn_or_is_not_there_is_said_at_once(task: Task, live: LiveStore) -> None:
    with pytest.raises(CandidateError, match="cannot go on learning"):
        LearningOn(task, "most-common", live)
    with pytest.raises(UsageError, match="no candidate is named"):
        LearningOn(task, "lnie", live)


def test_feedback_without_a_target_is_no_lesson(task: Task, live: LiveStore) -> None:
    live.add([*served(1), Feedback(request="r0", task="sea", at=1.0, source="label", solved=False)])
    assert LearningOn(task, "line", live).catch_up().n_learned == 0


def flipping(task: Task, n: int, *, every: int, delay: float) -> tuple[list[Served], list[Feedback]]:
    """Requests a second apart whose rule turns round every so many, and their labels so many seconds later."""
    draw, began = random.Random(0), time.time() - 10_000
    requests, said = list[Served](), list[Feedback]()
    for k in range(n):
        x = {name: draw.uniform(0.0, 10.0) for name in ("x0", "x1", "x2")}
        target = str((x["x0"] + x["x1"] > 10.0) != bool(k // every % 2))
        answer = Answer("True")
        requests.append(
            Served(
                request=f"r{k}",
                task="sea",
                release=1,
                arm="champion",
                at=began + k,
                input_hash="",
                answer=answer,
                input=x,
            )
        )
        said.append(Feedback(request=f"r{k}", task="sea", at=began + k + delay, source="label", target=target))
    return requests, said


@pytest.mark.parametrize("together", [True, False])
def test_the_gain_is_that_of_what_had_learned_the_labels_that_were_there(
    task: Task, live: LiveStore, together: bool
) -> None:
    """With labels that come as late as the rule turns round it is always a rule behind, and worse than no rule.

    It is the same whether all is there at once or comes bit by bit, with restarts.
    """
    requests, said = flipping(task, 1_500, every=150, delay=150.0)
    if together:
        live.add([*requests, *said])
        found = LearningOn(task, "line", live).catch_up()
    else:
        for k in range(0, 1_650, 50):
            live.add([*requests[k : k + 50], *said[max(0, k - 150) : max(0, k - 100)]])
            found = LearningOn(task, "line", live).catch_up()
    assert found.n_learned_ever == 1_500
    assert found.gain is not None
    assert found.gain.high is not None
    assert found.gain.high < 0.0
    assert not found.better
    assert found.gain.value == pytest.approx(simulated(task, requests, said, 150), abs=0.02)


def simulated(task: Task, requests: list[Served], said: list[Feedback], delay: int) -> float:
    """The gain, by going through it one by one: each is asked once what is older than the delay was learned."""
    model = load(task.candidates[0], LoadContext(columns=("x0", "x1", "x2"), named=()))
    assert isinstance(model, Learning)
    model.fit(task.split("dev"))
    gain = 0
    for k, (one, label) in enumerate(zip(requests, said, strict=True)):
        if k > delay:
            model.learn_one(requests[k - delay - 1].input, said[k - delay - 1].target)
        gain += (asyncio.run(model.answer(one.input)).output == label.target) - (label.target == "True")
    return gain / len(requests)


def test_a_label_that_was_known_before_the_request_was_stored_counts_for_nothing(task: Task, live: LiveStore) -> None:
    """It would have been asked of what has learned what came later: it teaches, and is not compared."""
    live.add([*served(50, start=50), *labels(50, start=50)])
    LearningOn(task, "line", live).catch_up()
    live.add([*served(50), *(replace(one, at=time.time()) for one in labels(50))])  # a journal that was shipped late
    found = LearningOn(task, "line", live).catch_up()
    assert (found.n_learned, found.n_learned_ever) == (50, 100)
    assert found.gain is not None
    assert found.gain.n == 50
