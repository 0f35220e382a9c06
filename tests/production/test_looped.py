"""The loop closes: an alarm, candidates tried on fresh cases, the best beside the one that serves, the switch."""

import random
import time

import msgspec
import pytest
from msgspec.structs import replace

from merits import load_task
from merits.cli import main
from merits.core.answer import Answer
from merits.core.errors import InfrastructureError, UsageError
from merits.core.estimate import Estimate
from merits.core.live import Alert, AlertMark, Checkpoint, Feedback, Served
from merits.core.release import Release
from merits.core.watch import Loop, Monitoring
from merits.flow import run
from merits.opening import opened_store
from merits.production.looped import TaskLoop
from merits.production.released import release
from merits.store import open_live

RULES = """
def first(text):
    return "good" if text.split()[0] in ("great", "lovely") else "bad"

def last(text):
    return "good" if text.split()[-1] in ("great", "lovely") else "bad"

def moody(text):  # another one where it was released
    from pathlib import Path

    return last(text) if Path(__file__).with_name("words.csv").exists() else "whatever"
"""
TASK = """
name: words
data: words.csv
input: text
target: label
needs:
  requirements: ["accuracy >= 0.6"]
machine_per_hour: 0.1
serve: {content: {keep: true}}
candidates:
  - {name: first, kind: python, function: "rules:first"}
  - {name: last, kind: python, function: "rules:last"}
  - {name: paid, kind: chat, model: m, base_url: "http://127.0.0.1:9/v1", price: {per_call: 1.0}}
"""
WORDS = {"good": ("great", "lovely"), "bad": ("poor", "broken")}
CALM = ("lamp", "room", "case", "day", "wall", "tree", "street", "hand", "door", "sound", "chair", "lake")


def sentence(draw, label, where):
    """The word that tells comes first, as on test, or last, as in the world that came after."""
    words = [draw.choice(CALM) for _ in range(4)]
    words[where] = draw.choice(WORDS[label])
    return " ".join([*words, str(draw.randrange(10_000))][: 5 if where == 0 else 4])


@pytest.fixture
def production(tmp_path, monkeypatch):
    """A task whose release serves, its live store, and what makes requests."""
    monkeypatch.setenv("OPENAI_API_KEY", "none-is-asked")
    draw = random.Random(5)
    rows = [f"{sentence(draw, label, 0)},{label}\n" for _ in range(120) for label in WORDS]
    (tmp_path / "words.csv").write_text("text,label\n" + "".join(rows))
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "words.yaml").write_text(TASK)
    task = load_task(tmp_path / "words.yaml")
    cheap = replace(task, candidates=task.candidates[:2])
    run(cheap)
    live = open_live(tmp_path / ".merits" / "live.sqlite")
    release(cheap, live=live, by="me")
    yield Production(task, live, draw)
    live.close()


class Production:
    def __init__(self, task, live, draw):
        self.task, self.live, self.draw, self.n = task, live, draw, 0

    def serve(self, n, *, shadow=0, label=True, keep=True):
        records, at = [], self.live.rollouts("words")[-1].at
        for _ in range(n):
            self.n += 1
            truth = self.draw.choice(["good", "bad"])
            text = sentence(self.draw, truth, -1)
            request = f"r{self.n}"
            arms = [(1, "champion", "bad")]  # what `first` says to all of them
            if shadow:
                arms.append((shadow, "shadow", truth))
            records += [
                Served(
                    request=request,
                    task="words",
                    release=version,
                    arm=arm,
                    at=at + 1.0 + self.n / 1_000,
                    input_hash=request,
                    answer=Answer(output, latency_s=0.01),
                    cost=0.0001,
                    input=text if keep else None,
                )
                for version, arm, output in arms
            ]
            if label:
                records.append(Feedback(request=request, task="words", at=at + 2.0, source="label", target=truth))
        self.live.add(records)

    def alarm(self, id="0123456789ab", release=1):
        self.live.add(
            [
                Alert(
                    id=id,
                    task="words",
                    at=self.live.rollouts("words")[-1].at + 1.0 + self.n / 1_000,
                    kind="requirement-not-met",
                    stream="decision",
                    severity="alarm",
                    text=f"words@{release} no longer meets accuracy >= 0.6",
                    release=release,
                )
            ]
        )

    def loop(self, **options):
        given = Loop(**({"steps": ("re-evaluate", "compare", "switch"), "ask": ("switch",), "fresh": 100} | options))
        said = []
        loop = TaskLoop(replace(self.task, monitor=Monitoring(loop=given)), self.live, note=said.append)
        loop.said = said
        return loop


def test_it_goes_from_an_alarm_to_a_better_release_and_asks_before_it_serves(production):
    production.alarm()
    production.serve(200)
    loop = production.loop()
    assert loop.advance().stage == "comparing"
    rollout = production.live.rollouts("words")[-1]
    assert (rollout.champion, rollout.challenger, rollout.mode) == (1, 2, "shadow")
    made = production.live.releases("words")[-1]
    assert made.candidate.name == "last"
    assert "after an alarm (0123456789ab): words@1 no longer meets" in made.reason
    production.serve(400, shadow=2)
    state = loop.advance()
    assert loop.waiting_for == "switch"
    assert production.live.rollouts("words")[-1].champion == 1
    loop.approve("switch", "eva")
    loop.advance()
    assert production.live.rollouts("words")[-1].champion == 2
    assert "switch: approved by eva" in production.loop().state.log
    assert [mark.mark for mark in production.live.marks("words")] == ["resolved"]
    assert any("last solves" in line for line in state.log)


def test_who_is_paid_by_use_is_not_asked_without_a_budget(production):
    production.alarm()
    production.serve(200)
    loop = production.loop()
    loop.advance()  # asking `paid` would fail: nobody listens there
    assert any("2 candidates race" in line for line in loop.said)


def test_what_an_alarm_would_begin_is_said_before(production, tmp_path, capsys):
    """With what it costs to try whom money is paid for, by the last decision."""
    found = production.loop().foreseen()
    assert (found.steps, found.asks) == (("re-evaluate", "compare", "switch"), ("switch",))
    assert (found.tried, found.left_out) == ({"first": None, "last": None}, ("paid",))
    money = Estimate(value=9.0, low=8.0, high=10.0, n=9, level=0.95, unit="money", currency="USD", method="t")
    with opened_store(None, production.task) as store:
        last = store.decisions(production.task.id)[-1]
        paid = replace(last.standings[0], candidate="paid", cost_per_1000=money)
        store.add([replace(last, standings=(*last.standings, paid))])
    found = production.loop(budget="5 USD", steps=("re-evaluate", "retrain"), ask=("retrain",)).foreseen()
    assert found.steps == ("re-evaluate", "retrain", "compare", "switch")
    assert found.asks == ("retrain", "compare", "switch")
    assert found.tried["paid"].value == pytest.approx(0.9)
    assert found.left_out == ()
    assert main(["monitor", str(tmp_path / "words.yaml"), "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert "  switch       asks a person first\n" in out
    assert "not asked, for it costs money by use: paid" in out
    assert "nothing was asked." in err


def test_it_waits_for_labels_and_says_how_many_there_are(production):
    production.alarm()
    production.serve(20)
    loop = production.loop()
    assert loop.advance().stage == "re-evaluate"
    assert "waiting for 100 labelled cases since the alarm" in loop.state.log[-1]
    production.serve(180)
    assert loop.advance().stage == "comparing"


def test_what_came_before_the_alarm_is_of_the_world_that_was(production):
    production.serve(300)
    production.alarm()
    loop = production.loop()
    assert loop.advance().stage == "re-evaluate"
    production.serve(150)
    assert loop.advance().stage == "comparing"


def test_a_person_may_say_no(production):
    production.alarm()
    production.serve(200)
    loop = production.loop(ask=("re-evaluate",))
    assert loop.advance().stage == "re-evaluate"
    loop.decline("eva")
    assert loop.state.stage == "idle"
    assert loop.state.log[-1] == "re-evaluate: declined by eva"
    with pytest.raises(UsageError, match="does nothing now"):
        loop.decline()


def test_a_person_may_say_no_while_it_waits_for_cases_or_compares(production):
    """And what it began ends: the challenger is asked no more."""
    production.alarm()
    production.serve(20)
    loop = production.loop()
    assert loop.advance().stage == "re-evaluate"
    loop.decline("eva")
    production.serve(200)
    assert loop.advance().stage == "idle"
    production.alarm("0123456789ac")
    production.serve(200)
    assert loop.advance().stage == "comparing"
    loop.decline("eva")
    assert loop.advance().stage == "idle"
    last = production.live.rollouts("words")[-1]
    assert (last.champion, last.challenger) == (1, None)
    assert "comparing: declined by eva" in last.reason


def test_a_no_that_is_said_while_a_step_is_done_counts(production):
    """By another process: what the step found is not gone on with."""
    production.alarm()
    production.serve(200)
    loop = production.loop()
    other = production.loop()
    loop._note = lambda text: other.decline("eva") if "race on" in text else None
    assert loop.advance().stage == "idle"
    assert loop.state.log[-1] == "re-evaluate: declined by eva"
    assert production.live.rollouts("words")[-1].challenger is None


@pytest.mark.parametrize("mark", ["resolved", "silenced"])
def test_nothing_more_follows_an_alert_that_a_person_resolved_or_silenced(production, mark):
    """Not even a comparison that goes on."""
    production.alarm()
    production.serve(200)
    loop = production.loop(ask=())
    assert loop.advance().stage == "comparing"
    said = AlertMark(alert="0123456789ab", task="words", at=time.time() + 99.0, mark=mark, reason="a false alarm")
    production.live.add([said])
    production.serve(400, shadow=2)
    assert loop.advance().stage == "idle"
    assert loop.state.log[-1] == f"the alert was {mark}"
    last = production.live.rollouts("words")[-1]
    assert (last.champion, last.challenger) == (1, None)


def test_where_nobody_can_be_retrained_it_waits_for_no_labels(production):
    """Rules learn nothing; nor does anybody of requests whose content is not kept."""
    production.alarm()
    production.serve(5)
    loop = production.loop(steps=("retrain",), ask=())
    assert loop.advance().stage == "idle"
    assert "learns nothing from examples" in loop.state.log[-1]


def test_a_challenger_that_was_called_off_after_it_won_is_not_switched_to(production):
    """Nothing goes on then; it raised at every look."""
    from merits.production.rolled_out import conclude_rollout

    production.alarm()
    production.serve(200)
    loop = production.loop()
    loop.advance()
    production.serve(400, shadow=2)
    loop.advance()
    loop.approve("switch", "eva")
    conclude_rollout(production.task, "stop", live=production.live)
    assert loop.advance().stage == "idle"
    assert loop.state.log[-1] == "switch: @2 is not compared with @1 any more"


def test_without_kept_content_it_says_what_to_set_and_goes_on_to_the_next_step(production):
    production.alarm()
    production.serve(100, keep=False)
    loop = production.loop(steps=("re-evaluate", "retrain"), ask=("retrain",))
    assert loop.advance().stage == "retrain"
    assert loop.waiting_for == "retrain"
    assert "serve: {content: {keep: true}}" in loop.state.log[-1]


def test_a_comparison_that_was_ended_by_hand_ends_the_loop(production):
    from merits.production.rolled_out import conclude_rollout

    production.alarm()
    production.serve(200)
    loop = production.loop()
    loop.advance()
    conclude_rollout(production.task, "stop", live=production.live)
    assert loop.advance().stage == "idle"
    assert "by hand" in loop.state.log[-1]


def test_nothing_follows_alerts_that_are_resolved_or_of_another_kind(production):
    production.serve(200)
    production.live.add(
        [
            Alert(
                id="0123456789ac",
                task="words",
                at=1.0,
                kind="latency",
                stream="answer: latency",
                severity="warning",
                text="slow",
                release=1,
            )
        ]
    )
    assert production.loop().advance().stage == "idle"


def test_only_what_it_waits_for_can_be_approved(production):
    with pytest.raises(UsageError, match="does not wait for 'switch'"):
        production.loop().approve("switch")


def test_its_state_is_plain_json_in_the_live_store(production):
    production.alarm()
    production.serve(20)
    production.loop().advance()
    kept = production.live.checkpoint("words", "loop")
    assert msgspec.json.decode(kept.state)["stage"] == "re-evaluate"


def test_it_promotes_nobody_whom_it_did_not_compare(production):
    """A person may have begun another comparison meanwhile."""
    from merits.production.rolled_out import conclude_rollout, start_rollout

    production.alarm()
    production.serve(200)
    loop = production.loop()
    loop.advance()
    production.serve(400, shadow=2)
    loop.advance()
    made = production.live.releases("words")[-1]
    production.live.add([replace(made, version=3)])
    conclude_rollout(production.task, "stop", live=production.live)
    start_rollout(production.task, 3, mode="shadow", live=production.live)
    loop.approve("switch")
    assert loop.advance().stage == "idle"
    last = production.live.rollouts("words")[-1]
    assert (last.champion, last.challenger) == (1, 3)


def test_an_alarm_about_a_release_that_serves_no_more_is_followed_by_nothing(production):
    from merits.core.live import Rollout

    production.alarm()
    production.serve(20)
    loop = production.loop()
    loop.advance()
    made = production.live.releases("words")[-1]
    after = production.live.rollouts("words")[-1].at + 9.0
    production.live.add([replace(made, version=2), Rollout(task="words", at=after, champion=2, reason="by hand")])
    assert loop.advance().stage == "idle"
    assert "another release serves" in loop.state.log[-1]


def test_a_release_that_fails_is_followed_by_the_same_cases_and_what_is_left_of_the_budget(production):
    """Else each look would spend a whole budget, and be another look at other cases."""
    production.task = replace(production.task, candidates=production.task.candidates[:2])
    production.alarm()
    production.serve(150)
    loop = production.loop(budget="150 calls")
    add = production.live.add
    production.live.add = lambda records: _full() if isinstance(records[0], Release) else add(records)
    kept = []
    for _ in range(3):
        with pytest.raises(InfrastructureError):
            loop.advance()
        assert loop.state.stage == "re-evaluate"
        kept.append(msgspec.json.decode(production.live.checkpoint("words", "re-evaluation").state))
        production.serve(20)
    assert kept[0] == kept[1] == kept[2]
    assert (len(kept[0]["cases"]), kept[0]["cases"][-1]) == (100, "r150")
    assert 40 <= kept[0]["spent"] <= 150
    production.live.add = add
    assert loop.advance().stage == "comparing"
    assert msgspec.json.decode(production.live.checkpoint("words", "re-evaluation").state) == kept[0]


def _full():
    raise InfrastructureError("the disk is full.")


def test_stopped_after_it_made_a_release_it_makes_no_other(production):
    """What was made for this alarm, and never served, is what it goes on with."""
    production.alarm()
    production.serve(200)
    (alert,) = production.live.alerts("words")
    assert production.loop().re_evaluate(alert).challenger == 2
    production.serve(20)
    loop = production.loop()
    assert loop.advance().stage == "comparing"
    assert production.live.rollouts("words")[-1].challenger == 2
    assert len(production.live.releases("words")) == 2
    assert "@2 (last) was made for this before" in loop.state.log[1]


def test_what_cannot_be_released_is_nothing_to_go_on_with(production):
    """And is not tried again at every look."""
    moody = replace(production.task.candidates[0], name="moody", params={"function": "rules:moody"})
    production.task = replace(production.task, candidates=(production.task.candidates[0], moody))
    production.alarm()
    production.serve(150)
    loop = production.loop()
    assert loop.advance().stage == "idle"
    assert loop.state.log[-1].startswith("re-evaluate: only ")


def test_what_was_spent_before_it_was_killed_is_not_spent_again(production):
    """It is kept while it is spent."""
    production.task = replace(production.task, candidates=production.task.candidates[:2])
    production.alarm()
    production.serve(150)
    trial = {"alert": "0123456789ab", "cases": [f"r{n}" for n in range(1, 101)], "spent": 150.0}
    state = msgspec.json.encode(trial)
    production.live.add([Checkpoint(task="words", name="re-evaluation", at=0.0, state=state)])
    loop = production.loop(budget="150 calls")
    with pytest.raises(UsageError, match="a budget of 0 calls"):
        loop.advance()


@pytest.mark.parametrize("how", ["stopped", "by hand"])
def test_a_switch_that_was_noted_late_settles_the_alerts_of_who_served_before(production, how):
    """Not those about what serves now, which are another matter: that it was stopped in between changes nothing."""
    from merits.production.rolled_out import conclude_rollout

    production.alarm()
    production.serve(200)
    loop = production.loop(ask=())
    loop.advance()
    add = production.live.add
    if how == "stopped":
        production.serve(400, shadow=2)
        production.live.add = lambda records: _stopped() if _is_end(records[0]) else add(records)
        with pytest.raises(KeyboardInterrupt):
            loop.advance()
        production.live.add = add
    else:
        conclude_rollout(production.task, "promote", live=production.live)
    assert production.live.rollouts("words")[-1].champion == 2
    production.alarm("0123456789ac", release=2)
    state = production.loop(ask=("re-evaluate",)).advance()
    assert (state.stage, state.alert.id) == ("re-evaluate", "0123456789ac")
    assert "switch: @2 serves by now" in state.log
    assert [(one.alert, one.mark) for one in production.live.marks("words")] == [("0123456789ab", "resolved")]


def _is_end(record):
    """Whether it is the loop's state once it has switched."""
    return isinstance(record, Checkpoint) and record.name == "loop" and b'"stage":"idle"' in record.state


def _stopped():
    raise KeyboardInterrupt
