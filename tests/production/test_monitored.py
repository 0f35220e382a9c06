"""A task in production, watched: real sentences, a real model, a live store, and traffic that changes."""

import random

import msgspec
import pytest
from msgspec.structs import replace

from merits import make_task
from merits.core.answer import Answer
from merits.core.errors import InfrastructureError, TaskError
from merits.core.live import AlertMark, Feedback, Rollout, Served
from merits.core.release import Promise, Release
from merits.core.task import ScorerSpec
from merits.core.watch import Monitoring, Receiver, Watching
from merits.flow import run
from merits.media.seen import seen_of
from merits.monitoring.streams import reference_of
from merits.production.monitored import Monitor
from merits.reading.seen import Lens
from merits.store import open_live

WORDS = {"good": ["great", "lovely", "superb", "fine"], "bad": ["awful", "poor", "broken", "sad"]}


def by_list(text):
    return "good" if text.split()[0] in WORDS["good"] else "bad"


def sentence(draw, label, n=6):
    return " ".join([draw.choice(WORDS[label]), *(draw.choice(["room", "lamp", "case", "day"]) for _ in range(n - 1))])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A task with an evaluation and a decision, and a folder with the reference of a release."""
    folder = tmp_path_factory.mktemp("world")
    draw = random.Random(3)
    rows = [{"text": sentence(draw, label), "label": label} for _ in range(150) for label in ("good", "bad")]
    needs = {"requirements": ["accuracy >= 0.8", "p95_latency <= 500 ms"]}
    task = make_task(rows, name="words", input="text", target="label", needs=needs, candidates=[by_list])
    task = replace(task, folder=str(folder))
    done = run(task, store=folder / "store.sqlite")
    reference = reference_of(task)
    artefacts = folder / "releases" / "1" / "artefacts"
    artefacts.mkdir(parents=True)
    (artefacts / "reference.json").write_bytes(msgspec.json.encode(reference))
    standing = done.decision.standings[0]
    release = Release(
        task=task.id,
        task_name=task.name,
        version=1,
        kind=task.kind,
        candidate=task.candidates[0],
        candidate_version="v",
        promise=Promise(metric="accuracy", quality=standing.quality, requirements=standing.requirements),
        needs=task.needs,
        scorers=task.scorers,
        classes=task.classes,
        made_at=0.0,
        merits="0",
        n_examples=150,
        decision=done.decision.id,
    )
    return task, release, Lens.of(reference), folder


class Production:
    """Serves the release to made-up users, and sends labels."""

    def __init__(self, world, task=None):
        self.task, self.release, self.lens, self.folder = world
        self.task = task or self.task
        self.live = open_live(":memory:")
        self.live.add([self.release, Rollout(task="words", at=0.0, champion=1, reason="the first")])
        self.draw, self.n = random.Random(11), 0

    def monitor(self):
        return Monitor(
            self.task,
            self.live,
            store=self.folder / "store.sqlite",
            releases=self.folder / "releases",
            clock=lambda: float(self.n),
        )

    def serve(self, n, *, right=1.0, length=6, seconds=0.01, labelled=1.0):
        records = []
        for _ in range(n):
            self.n += 1
            label = self.draw.choice(["good", "bad"])
            text = sentence(self.draw, label, length)
            other = "bad" if label == "good" else "good"
            output = label if self.draw.random() < right else other
            request = f"r{self.n}"
            records.append(
                Served(
                    request=request,
                    task="words",
                    release=1,
                    arm="champion",
                    at=float(self.n),
                    input_hash=request,
                    answer=Answer(output, latency_s=seconds),
                    seen=seen_of(text, "classification", self.lens),
                    seconds=seconds,
                )
            )
            if self.draw.random() < labelled:
                records.append(Feedback(request=request, task="words", at=float(self.n), source="label", target=label))
        self.live.add(records)


def test_traffic_that_is_as_it_was_raises_nothing_and_the_decision_stands(world):
    production = Production(world)
    monitor = production.monitor()
    for _ in range(20):
        production.serve(100)
        assert monitor.look().new == ()
    view = monitor.view()
    assert view.standing == "right"
    assert "accuracy >= 0.8: met" in view.because
    assert (view.n_served, view.n_judged) == (2_000, 2_000)


def test_a_fall_of_quality_is_an_alarm_that_names_the_requirement_and_what_was_promised(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(200)
    monitor.look()
    found = []
    while not any(alert.kind == "requirement-not-met" for alert in found) and production.n < 5_000:
        production.serve(50, right=0.6)
        found += monitor.look().new
    (alarm,) = [alert for alert in found if alert.kind == "requirement-not-met"]
    assert alarm.severity == "alarm"
    assert "accuracy >= 0.8" in alarm.text
    assert "when it was released" in alarm.text
    assert monitor.view().standing == "no longer right"
    assert production.n < 2_000


def test_drift_of_inputs_is_told_without_any_label(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(300, labelled=0.0)
    assert monitor.look().new == ()
    production.serve(300, length=14, labelled=0.0)
    found = monitor.look().new
    assert "words" in " ".join(alert.stream for alert in found)
    assert monitor.view().standing == "too early to tell"


def test_a_requirement_on_latency_is_judged_without_any_label(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(400, seconds=0.9, labelled=0.0)
    assert [alert.kind for alert in monitor.look().new if alert.kind == "requirement-not-met"] == [
        "requirement-not-met"
    ]


def test_after_a_restart_it_goes_on_and_says_nothing_twice(world):
    production = Production(world)
    first = production.monitor()
    production.serve(300)
    first.look()
    production.serve(400, right=0.5)
    said = first.look().new
    assert said
    again = production.monitor()
    assert again.look().new == ()
    assert again.view().n_served == 700
    assert again.view().arms == first.view().arms
    production.serve(10, right=0.5)
    assert again.look().view.n_served == 710


def test_another_rollout_begins_anew(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(300, right=0.4)
    assert monitor.look().view.standing == "no longer right"
    second = replace(production.release, version=2)
    production.live.add([second, Rollout(task="words", at=float(production.n + 1), champion=2, reason="a better one")])
    view = monitor.look().view
    assert (view.model, view.standing, view.n_served) == ("merits/words@2", "too early to tell", 0)


def test_a_label_that_comes_twice_or_is_corrected_counts_once(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(60)
    monitor.look()
    answer = production.live.served("words")[0].record.answer.output
    wrong = "bad" if answer == "good" else "good"
    label = Feedback(request="r1", task="words", at=99.0, source="label", target=wrong)
    production.live.add([label])
    production.live.add([label])
    (arm,) = monitor.look().view.arms
    assert arm.quality.value == pytest.approx(59 / 60)
    assert monitor.view().n_judged == 60


def test_who_cannot_be_told_is_said_and_told_again_at_the_next_look(world):
    receiver = Receiver(webhook="http://127.0.0.1:9/", name="pager")
    task = replace(world[0], monitor=Monitoring(receivers=(receiver,)))
    production = Production(world, task)
    monitor = production.monitor()
    production.serve(400, right=0.4)
    looked = monitor.look()
    assert looked.told == ()
    assert "pager could not be told" in looked.problems[0]
    assert monitor.look().problems


def test_what_river_watches_is_not_said_to_keep_our_promise(world):
    """Nothing is bet there: neither the note nor the numbers beside a stream are ours."""
    pytest.importorskip("river")
    monitoring = Monitoring(watch=Watching(detector="page-hinkley"))
    production = Production(world, replace(world[0], monitor=monitoring))
    monitor = production.monitor()
    production.serve(100, labelled=0.0)
    monitor.look()
    production.serve(400, length=14, labelled=0.0)
    numbers = [alert for alert in monitor.look().new if alert.stream == "input: words"]
    assert numbers[0].evidence["detector"] == "page-hinkley"
    assert "won" not in numbers[0].evidence
    view = monitor.view()
    assert "River's Page-Hinkley, which promises no rate of false alarms" in view.notes[0]
    assert "any other stream" in view.notes[1]
    by_name = {line.name: line for line in view.streams}
    assert by_name["input: words"].e_value is None
    assert any(line.e_value is not None for line in view.streams)


def test_nothing_served_says_what_to_do(world):
    with pytest.raises(TaskError, match="merits release"):
        Monitor(world[0], open_live(":memory:"))


def test_labels_that_come_again_after_a_restart_are_counted_once(world):
    """Else a few outcomes, sent again and again, would be evidence of anything."""
    production = Production(world)
    production.serve(60)
    labels = [each.record for each in production.live.feedback("words")]
    for _ in range(4):
        monitor = production.monitor()
        monitor.look()
        assert monitor.view().n_judged == 60
        production.live.add(labels)


def test_a_label_that_comes_before_its_request_is_counted_when_that_comes(world):
    """A file of labels, or another machine's journal."""
    production = Production(world)
    production.serve(50)
    records = [each.record for each in production.live.served("words")]
    labels = [each.record for each in production.live.feedback("words")]
    other = Production(world)
    other.live.add(labels)
    monitor = other.monitor()
    assert monitor.look().view.n_judged == 0
    other.live.add(records)
    assert other.monitor().look().view.n_judged == 50
    assert other.monitor().look().view.n_judged == 50


def test_to_resolve_an_alert_does_not_make_the_decision_right_and_what_goes_on_is_another_alert(world):
    production = Production(world)
    monitor = production.monitor()
    production.serve(300, right=0.4)
    first = monitor.look().new
    assert any(alert.kind == "requirement-not-met" for alert in first)
    production.live.add(
        [AlertMark(alert=one.id, task="words", at=float(production.n), mark="resolved") for one in first]
    )
    production.serve(300, right=0.4)
    looked = monitor.look()
    assert looked.view.standing == "no longer right"
    assert any(alert.kind == "requirement-not-met" for alert in looked.new)
    assert {alert.id for alert in looked.new}.isdisjoint(alert.id for alert in first)


def proven(world, tmp_path, solved):
    """The world, with a release whose test examples showed that so many of 300 are solved."""
    task, release, lens, _ = world
    artefacts = tmp_path / "releases" / "1" / "artefacts"
    artefacts.mkdir(parents=True)
    reference = replace(reference_of(task), n_scored=300, n_solved=solved)
    (artefacts / "reference.json").write_bytes(msgspec.json.encode(reference))
    return task, release, lens, tmp_path


def test_what_users_say_is_shown_and_only_labels_are_held_against_what_was_proved(world, tmp_path):
    """Users speak of what they did not like, and first; a label that comes later tells what it was."""
    production = Production(proven(world, tmp_path, 285))
    monitor = production.monitor()
    for _ in range(6):
        first = production.n + 1
        production.serve(100, right=0.96, labelled=0.0)
        new = range(first, production.n + 1)
        said = [
            Feedback(request=f"r{n}", task="words", at=float(n), source="user", solved=False)
            for n in new
            if production.draw.random() < 0.12
        ]
        production.live.add(said)
        assert not [alert for alert in monitor.look().new if alert.stream == "quality"]
        assert monitor.view().n_judged == first - 1 + len(said)
        answers = {f"r{n}": production.live.find([f"r{n}"])[f"r{n}"][0].answer.output for n in new}
        production.live.add(
            Feedback(request=request, task="words", at=float(production.n), source="label", target=output)
            for request, output in answers.items()
        )
        monitor.look()
    assert monitor.watch.quality()["labels"].n == 600
    assert monitor.watch.quality()["labels"].value == 1.0
    assert monitor.view().arms[0].quality.value == 1.0
    production.serve(300, right=0.7)
    assert [alert.kind for alert in monitor.look().new if alert.stream == "quality"] == ["quality"]


@pytest.mark.parametrize("users", [False, True])
def test_what_users_say_makes_the_decision_anew_only_where_they_are_to_count(world, tmp_path, users):
    """Only the angry ones speak: by them alone any release would be wrong."""
    task, *rest = proven(world, tmp_path, 285)
    watched = replace(task.monitor, loop=replace(task.monitor.loop, users=users))
    production = Production((replace(task, monitor=watched), *rest))
    monitor = production.monitor()
    production.serve(400, right=0.96, labelled=0.0)
    production.live.add(
        Feedback(request=f"r{n}", task="words", at=float(n), source="user", solved=False) for n in range(1, 200)
    )
    looked = monitor.look()
    assert ("requirement-not-met" in {alert.kind for alert in looked.new}) is users
    assert looked.view.n_judged == 199  # shown all the same


@pytest.mark.parametrize(("scorers", "n"), [((), 0), ((ScorerSpec("judge", {"model": {"kind": "constant"}}),), 40)])
def test_what_a_judge_says_is_held_against_what_a_judge_proved(world, scorers, n):
    """Beside a scorer that knows the right answer it is another measure, with another mean."""
    production = Production(world, replace(world[0], scorers=scorers))
    production.serve(40, labelled=0.0)
    production.live.add(
        Feedback(request=f"r{k}", task="words", at=50.0, source="judge", solved=True, arm="champion")
        for k in range(1, 41)
    )
    monitor = production.monitor()
    assert monitor.look().view.n_judged == 40
    labels = monitor.watch.quality().get("labels")
    assert (labels.n if labels else 0) == n


def test_one_record_of_a_clock_that_was_ahead_ends_no_watch(world):
    """It counts as of now: what comes after it is watched, and shown, as ever."""
    production = Production(world)
    monitor = production.monitor()
    production.serve(60)
    (last,) = [each.record for each in production.live.served("words")][-1:]
    production.live.add([replace(last, request="ahead", at=last.at + 10 * 365 * 86_400.0)])
    production.live.add([Feedback(request="ahead", task="words", at=61.0, source="label", target="good")])
    monitor.look()
    assert monitor.figures.last <= production.n + 60.0
    assert monitor.figures.n_judged == 61
    for _ in range(20):
        production.n += 280
        production.serve(20)
        monitor.look()
    assert max(moment.at for moment in monitor.view().moments) <= production.n + 60.0
    ahead = monitor.watch._by_time._stretch.number * 300.0
    assert production.n - 300.0 < ahead <= production.n


def test_what_a_fallback_solves_is_not_the_quality_of_the_release(world):
    """The release's candidate failed there, as in a comparison of two releases."""
    production = Production(world)
    production.serve(80, right=0.0)
    production.serve(120)
    served = [each.record for each in production.live.served("words")]
    labels = [each.record for each in production.live.feedback("words")]
    production = Production(world)
    production.n = 200
    production.live.add([replace(one, fallback=int(number >= 80)) for number, one in enumerate(served)] + labels)
    looked = production.monitor().look()
    (arm,) = looked.view.arms
    assert (arm.n, arm.quality.n, arm.quality.value, arm.failed.value) == (200, 80, 0.0, 0.6)
    assert "requirement-not-met" in {alert.kind for alert in looked.new}


def test_content_whose_time_is_over_is_forgotten_by_the_monitor_too(world):
    """Also while no server runs; what is younger stays."""
    production = Production(world)
    production.serve(5)
    old, new = (
        replace(production.live.served("words")[0].record, request=f"r{days}", at=-days * 86_400.0, input="Anna")
        for days in (31, 29)
    )
    production.live.add([old, new])
    production.serve(1)  # what came last says what time it is
    production.monitor().look()
    left = {request: found[0].input for request, found in production.live.find(["r31", "r29"]).items()}
    assert left == {"r31": None, "r29": "Anna"}


def test_an_alert_that_the_store_could_not_take_is_found_again(world):
    """A full disk at the wrong moment: whoever looks again with the same monitor hears of it, too."""
    production, undisturbed = Production(world), Production(world)
    found = []
    for one in (production, undisturbed):
        monitor = one.monitor()
        one.serve(300)
        monitor.look()
        one.serve(600, right=0.3, length=12)
        if one is production:
            add, one.live.add = one.live.add, _full
            with pytest.raises(InfrastructureError):
                monitor.look()
            one.live.add = add
        found.append({alert.stream for alert in monitor.look().new})
    assert found[0] == found[1]
    assert found[0] >= {"decision", "input: words"}


def _full(records):
    raise InfrastructureError("the disk is full.")
