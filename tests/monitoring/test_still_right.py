"""What a decision made again says against the release that serves."""

import pytest
from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.decision import RequirementResult, Standing
from merits.core.estimate import Estimate
from merits.core.needs import Needs, Requirement
from merits.core.release import Promise, Release
from merits.monitoring.looks import Look
from merits.monitoring.still_right import at_new_prices, on_live
from merits.stats import wilson
from merits.testing.contracts.store import decision

BAR = Requirement("accuracy", ">=", 0.8)
LOOK = Look(3, 120, 0.99)


def a_result(met, solved):
    return RequirementResult(requirement=BAR, met=met, estimate=wilson(solved, 100))


def a_standing(name, solved, *, met="met", cost=0.002, relation="leader"):
    price = Estimate(
        value=cost, low=cost / 2, high=2 * cost, level=0.95, n=100, unit="money", method="", currency="USD"
    )
    return Standing(
        candidate=name,
        candidate_id=name,
        relation=relation,
        quality=wilson(solved, 100),
        quality_answered=None,
        requirements=(a_result(met, solved),),
        cost_per_1000=price,
    )


RELEASE = Release(
    task="t" * 32,
    task_name="t",
    version=1,
    kind="classification",
    candidate=Candidate(name="mine", kind="constant", params={"output": "a"}),
    candidate_version="v",
    promise=Promise(metric="label", requirements=(a_result("met", 90),)),
    needs=Needs(),
    scorers=(),
    made_at=0.0,
    merits="0",
)


def decided(verdict, candidate, *standings):
    return replace(
        decision("."), verdict=verdict, candidate=candidate, standings=standings, needs=Needs(tie_margin=0.02)
    )


def test_a_requirement_that_is_missed_is_said_with_what_was_promised():
    (alert,) = on_live(
        RELEASE, decided("keep", "t@1", a_standing("t@1", 60, met="not met")), "t@1", LOOK, since=1.0, at=2.0
    )
    assert (alert.kind, alert.severity, alert.evidence["n"]) == ("requirement-not-met", "alarm", 120)
    assert "60.0 %" in alert.text
    assert "90.0 %" in alert.text


def test_what_is_not_yet_known_is_no_alarm():
    standing = a_standing("t@1", 75, met="not yet known")
    assert on_live(RELEASE, decided("undecided", "", standing), "t@1", LOOK, since=1.0, at=2.0) == []


@pytest.mark.parametrize(
    ("relation", "says"),
    [("leader", "certainly better than t@1"), ("tied", "cheaper, at a loss of 2 points at most, than t@1")],
)
def test_another_that_is_better_or_cheaper_is_said_with_both_figures(relation, says):
    ours = a_standing("t@1", 80, relation="worse" if relation == "leader" else "tied")
    theirs = a_standing("t@2", 95, cost=0.0004, relation=relation)
    found = decided("adopt", "t@2", ours, theirs)
    (alert,) = on_live(RELEASE, found, "t@1", LOOK, since=1.0, at=2.0)
    assert says in alert.text
    assert "95.0 %" in alert.text
    assert "80.0 %" in alert.text
    assert alert.next_step == "merits rollout --promote"


def test_the_same_found_again_is_the_same_alert_and_after_another_event_another():
    missed = decided("keep", "t@1", a_standing("t@1", 60, met="not met"))
    ids = [on_live(RELEASE, missed, "t@1", LOOK, since=since, at=at)[0].id for since, at in ((1, 2), (1, 9), (2, 9))]
    assert ids[0] == ids[1] != ids[2]


def test_new_prices_matter_only_where_they_change_the_decision():
    then = decided("adopt", "mine", a_standing("mine", 90), a_standing("other", 89, relation="tied"))
    now = decided("adopt", "other", a_standing("mine", 90, relation="tied"), a_standing("other", 89))
    (alert,) = at_new_prices(RELEASE, then, now, since=1.0, at=2.0)
    assert alert.kind == "prices"
    assert "adopt other" in alert.text
    assert at_new_prices(RELEASE, then, then, since=1.0, at=2.0) == []
    assert at_new_prices(RELEASE, then, replace(then, verdict="keep"), since=1.0, at=2.0) == []
