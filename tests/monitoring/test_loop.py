"""What follows an alarm by itself, and where a person is asked."""

import msgspec
import pytest

from merits.core.live import Alert
from merits.core.watch import Loop
from merits.monitoring.loop import Found, LoopState, advance, approve, waiting_for

ALL = ("re-evaluate", "retrain", "compare", "switch")
BY_ITSELF = Loop(steps=ALL, ask=())


def alarm(id="a1") -> Alert:
    return Alert(id=id, task="t", at=1.0, kind="drift", stream="decision", severity="alarm", text="it is worse")


class Acting:
    """Does what it is told to find, and remembers what it was asked to do."""

    def __init__(self, re_evaluated="found", retrained="found", compared="found", switch="found"):
        self.outcomes = {
            "re-evaluate": re_evaluated,
            "retrain": retrained,
            "compared": compared,
            "switch": switch,
        }
        self.did = []

    def re_evaluate(self, alert):
        return self._found("re-evaluate", 2)

    def retrain(self, alert):
        return self._found("retrain", 3)

    def compare(self, challenger, reason):
        self.did.append(("compare", challenger))

    def compared(self, challenger):
        return self._found("compared", challenger)

    def switch(self, challenger, reason):
        self.did.append(("switch", challenger))
        return Found(outcome=self.outcomes["switch"], text=f"@{challenger} serves")

    def _found(self, step, challenger):
        self.did.append(step)
        return Found(outcome=self.outcomes[step], text=f"{step} says {self.outcomes[step]}", challenger=challenger)


def test_it_goes_all_the_way_by_itself_where_it_may():
    acting = Acting()
    state = advance(LoopState(), [alarm()], BY_ITSELF, acting)
    assert acting.did == ["re-evaluate", ("compare", 2), "compared", ("switch", 2)]
    assert state.stage == "idle"
    assert state.log[0] == "alarm: it is worse"
    assert state.log[-1] == "switch: @2 serves"


def test_an_alarm_is_dealt_with_once_and_with_it_those_that_were_open_by_then():
    state = advance(LoopState(), [alarm("a1"), alarm("a2")], BY_ITSELF, Acting())
    again = Acting()
    assert advance(state, [alarm("a1"), alarm("a2")], BY_ITSELF, again) == state
    assert again.did == []


def test_where_nothing_given_is_better_it_is_trained_again():
    acting = Acting(re_evaluated="nothing")
    advance(LoopState(), [alarm()], BY_ITSELF, acting)
    assert acting.did == ["re-evaluate", "retrain", ("compare", 3), "compared", ("switch", 3)]


def test_a_challenger_that_loses_is_not_switched_to():
    acting = Acting(compared="nothing")
    state = advance(LoopState(), [alarm()], BY_ITSELF, acting)
    assert ("switch", 2) not in acting.did
    assert state.stage == "idle"


def test_it_waits_for_evidence_and_goes_on_from_its_state_after_a_restart():
    state = advance(LoopState(), [alarm()], BY_ITSELF, Acting(compared="not yet"))
    assert state.stage == "comparing"
    kept = msgspec.json.decode(msgspec.json.encode(state), type=LoopState)
    acting = Acting()
    assert advance(kept, [], BY_ITSELF, acting).stage == "idle"
    assert acting.did == ["compared", ("switch", 2)]


def test_waiting_twice_for_the_same_is_said_once():
    state = advance(LoopState(), [alarm()], BY_ITSELF, Acting(compared="not yet"))
    assert advance(state, [alarm()], BY_ITSELF, Acting(compared="not yet")) == state


@pytest.mark.parametrize("loop", [Loop(steps=ALL, ask=("switch",)), Loop(steps=ALL[:3], ask=())])
def test_a_person_is_asked_before_a_step_that_asks_or_is_not_listed(loop):
    acting = Acting()
    state = advance(LoopState(), [alarm()], loop, acting)
    assert waiting_for(state, loop) == "switch"
    assert ("switch", 2) not in acting.did
    assert advance(state, [alarm()], loop, acting) == state
    done = advance(approve(state, "switch", "eva"), [alarm()], loop, acting)
    assert acting.did[-1] == ("switch", 2)
    assert "switch: approved by eva" in done.log


def test_an_approval_is_of_one_alarm_only():
    loop = Loop(steps=ALL, ask=("switch",))
    state = approve(advance(LoopState(), [alarm()], loop, Acting()), "switch")
    done = advance(state, [alarm()], loop, Acting())
    assert waiting_for(advance(done, [alarm("a2")], loop, Acting()), loop) == "switch"


def test_what_a_step_raises_leaves_the_loop_where_it_was():
    class Broken(Acting):
        def compared(self, challenger):
            raise ConnectionError("the store is away")

    state = advance(LoopState(), [alarm()], BY_ITSELF, Acting(compared="not yet"))
    with pytest.raises(ConnectionError):
        advance(state, [], BY_ITSELF, Broken())
    assert advance(state, [], BY_ITSELF, Acting()).stage == "idle"


@pytest.mark.parametrize(("steps", "stage"), [((), "idle"), (("compare", "switch"), "idle"), (("retrain",), "retrain")])
def test_what_looks_for_something_better_is_left_out_where_it_is_not_listed(steps, stage):
    """Nobody is asked about it."""
    loop = Loop(steps=steps, ask=("retrain",))
    state = advance(LoopState(), [alarm()], loop, Acting())
    assert state.stage == stage
    assert (waiting_for(state, loop) is None) == (stage == "idle")
    assert state.alerts == (("a1",) if stage == "idle" else ())


def test_a_switch_that_cannot_be_made_any_more_ends_it():
    """The challenger was called off after it won."""
    acting = Acting(switch="nothing")
    state = advance(LoopState(), [alarm()], BY_ITSELF, acting)
    assert (state.stage, state.alerts) == ("idle", ("a1",))
    assert acting.did.count(("switch", 2)) == 1
