"""The chain of reasoning holds the numbers of the decision and no others, and cannot contradict the verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from merits.core.decision import Decision
from merits.core.errors import UsageError
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.deciding.trace import QUESTIONS
from merits.report.explanation import explanation, text
from tests.deciding.evaluations import evaluation_of, first

BAR = Requirement("accuracy", ">=", 0.7)
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")


def failing() -> Evaluation:
    status = np.full(200, Status.SCORED)
    status[:40] = Status.FAILED
    return evaluation_of({"a": first(190, 200), "b": first(150, 200)}, status={"a": status})


def grouped() -> Evaluation:
    return evaluation_of({"a": first(170, 200), "b": first(150, 200)}, group=np.arange(200) // 4)


CASES: dict[str, tuple[Evaluation, Needs]] = {
    "a clear winner": (evaluation_of({"good": first(450, 500), "poor": first(300, 500)}), Needs()),
    "a cheaper equal": (
        evaluation_of({"dear": first(401, 500), "cheap": first(400, 500)}, cost={"dear": 0.01, "cheap": 0.001}),
        Needs(requirements=(BAR,)),
    ),
    "no prices": (
        evaluation_of({"a": first(401, 500), "b": first(400, 500)}, machine_s={"a": 0.2, "b": 0.1}),
        Needs(requirements=(Requirement("p95_latency", "<=", 0.5),)),
    ),
    "net value": (
        evaluation_of({"a": first(400, 500), "b": first(300, 500)}, cost={"a": 0.01, "b": 0.001}),
        Needs(worth_of_solved=1.0, volume_per_month=1000.0),
    ),
    "a requirement is open": (evaluation_of({"a": first(17, 20)}), Needs(requirements=(BAR,))),
    "all miss it": (evaluation_of({"a": first(10, 100), "b": first(5, 100)}), Needs(requirements=(BAR,))),
    "nothing solved": (evaluation_of({"a": first(0, 100), "b": first(0, 100)}), Needs()),
    "nothing to compare": (evaluation_of({"a": first(90, 100)}), Needs()),
    "too few examples": (evaluation_of({"a": first(8, 10), "b": first(5, 10)}), Needs()),
    "the incumbent stays": (evaluation_of({"a": first(90, 100), "b": first(91, 100)}), Needs(incumbent="a")),
    "the incumbent goes": (evaluation_of({"a": first(50, 100), "b": first(91, 100)}), Needs(incumbent="a")),
    "failures matter": (failing(), Needs(requirements=(BAR,))),
    "groups": (grouped(), Needs(requirements=(Requirement("accuracy", ">=", -0.1, against="b"),))),
}


def leaves(value: object) -> Iterator[object]:
    """Everything in a record, estimates as they are."""
    if isinstance(value, msgspec.Struct):
        if isinstance(value, Estimate):
            yield value
        for name in value.__struct_fields__:
            yield from leaves(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def shown_of(decision: Decision) -> set[str]:
    """Every way in which a number of the decision may be printed."""
    found: set[str] = set()
    for leaf in leaves(decision):
        if isinstance(leaf, Estimate):
            found |= {*NUMBER.findall(str(leaf)), *NUMBER.findall(f"{100 * leaf.level:.4g}")}
        elif isinstance(leaf, str):
            found |= {*NUMBER.findall(leaf)}
        elif isinstance(leaf, int):
            found.add(f"{leaf:,}")
        elif isinstance(leaf, float):
            found.add(f"{leaf:.4f}" if leaf >= 0.0001 else "0.0001")
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_number_printed_is_in_the_decision(name: str) -> None:
    """Nothing is worked out a second time, so nothing can come out otherwise."""
    decision = decide(*CASES[name])
    printed = re.sub(r"^\d+\. ", "", text(explanation(decision)), flags=re.MULTILINE)
    assert {*NUMBER.findall(printed)} - shown_of(decision) == set()
    assert NUMBER.findall(printed)


@pytest.mark.parametrize("name", CASES)
def test_the_chain_ends_in_the_verdict(name: str) -> None:
    """The rule leaves it, so it is the one that was followed; every question is one of the table."""
    decision = decide(*CASES[name])
    *_, last = [step for step in decision.steps if step.code == "verdict"]
    if len(set(decision.policies.values())) > 1:
        assert decision.steps[-1].code == "policies"
        assert decision.steps[-1].answer.startswith("No")
    else:
        assert last.answer.lower().startswith(f"{decision.verdict} {decision.candidate}".strip())
    assert all(step.question == QUESTIONS[step.code] for step in decision.steps)


def test_no_number_stands_without_its_interval_and_its_source() -> None:
    """Every estimate of the chain names its method; the text shows interval, n, method and level."""
    decision = decide(*CASES["a cheaper equal"])
    estimates = [each.estimate for step in decision.steps for each in step.evidence if each.estimate is not None]
    assert estimates
    printed = " ".join(text(explanation(decision)).split())
    for estimate in estimates:
        assert estimate.method
        assert str(estimate) in printed
        assert f"by {estimate.method}; at " in printed


def test_both_ways_to_count_failures_are_explained() -> None:
    """Two chains, and what follows from both."""
    decision = decide(*CASES["failures matter"])
    printed = text(explanation(decision))
    assert "If failures count as wrong:" in printed
    assert "If failures are left out:" in printed
    assert "solved, failures left out" in printed
    assert {step.policy for step in decision.steps} == {*decision.policies, ""}


def test_the_rule_among_equals_and_its_costs_are_shown() -> None:
    """Why the cheap one, at which price of each."""
    decision = decide(*CASES["a cheaper equal"])
    (choice,) = [step for step in decision.steps if step.code == "choice"]
    assert choice.answer.startswith("cheap: it costs least")
    assert {each.candidate: each.estimate and each.estimate.value for each in choice.evidence} == {
        "dear": pytest.approx(10.0),
        "cheap": pytest.approx(1.0),
    }


def test_every_comparison_has_its_adjusted_p_value() -> None:
    """And the interval that goes with it."""
    decision = decide(*CASES["a clear winner"])
    (tied,) = [step for step in decision.steps if step.code == "tied"]
    (one,) = tied.evidence
    assert (one.what, one.found, one.p_value) == ("good minus poor", "worse", decision.standing("poor").p_value)
    assert one.estimate == decision.standing("poor").behind


def test_one_candidate_can_be_asked_about() -> None:
    """Its own evidence and the comparisons with it; all steps stay."""
    solved = {name: first(k, 300) for name, k in (("a", 280), ("b", 250), ("c", 200))}
    decision = decide(evaluation_of(solved), Needs(requirements=(BAR,)))
    found = explanation(decision, candidate="b")
    assert [counted.candidate for counted in found.evidence] == ["b"]
    assert len(found.steps) == len(decision.steps)
    assert {each.what for step in found.steps for each in step.evidence if " minus " in each.what} == {"a minus b"}
    with pytest.raises(UsageError, match="Did you mean 'a'"):
        explanation(decision, candidate="A")


def test_hostile_names_do_no_harm_and_lines_fit() -> None:
    """A name may hold terminal escapes, line ends and be very long."""
    evil = "\x1b[31mevil\x1b]0;title\x07\n\u202ename " + "x" * 300
    decision = decide(evaluation_of({evil: first(90, 100), "b": first(50, 100)}), Needs(requirements=(BAR,)))
    printed = text(explanation(decision))
    assert not set("\x1b\x07\u202e") & set(printed)
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("name", CASES)
def test_it_fits_80_columns(name: str) -> None:
    """As everything on a terminal."""
    assert max(map(len, text(explanation(decide(*CASES[name]))).splitlines())) <= 80


def test_a_decision_of_before_says_that_it_kept_no_steps() -> None:
    """Stored decisions of an older version still read."""
    decision = msgspec.structs.replace(decide(*CASES["a clear winner"]), steps=())
    assert "kept no steps" in text(explanation(decision))


def test_the_chain_is_remembered_with_the_decision() -> None:
    """So that it can be explained as it was made, later."""
    decision = decide(*CASES["failures matter"])
    again = msgspec.json.decode(msgspec.json.encode(decision), type=Decision)
    assert again == decision
    assert again.id == decision.id
