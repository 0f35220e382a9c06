"""Requirements are read as people write them, and what cannot be read is pointed at."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.core.errors import RequirementError
from merits.core.needs import Requirement
from merits.tasks.requirements import money_of, parse_requirement


@pytest.mark.parametrize(
    ("text", "metric", "of", "op", "bar", "confidence"),
    [
        ("accuracy >= 0.90 @ 95%", "accuracy", "", ">=", 0.90, 0.95),
        ("accuracy>=90%", "accuracy", "", ">=", 0.90, 0.95),
        ("accuracy ≥ 83 % @ 0.99", "accuracy", "", ">=", 0.83, 0.99),
        ("recall[fraud] >= 0.8 @ 95%", "recall", "fraud", ">=", 0.8, 0.95),
        ("recall[a >= b[0]] >= 0.8", "recall", "a >= b[0]", ">=", 0.8, 0.95),
        ('precision["not ok"] >= 0.8', "precision", "not ok", ">=", 0.8, 0.95),
        ("p95_latency <= 800 ms", "p95_latency", "", "<=", 0.8, 0.95),
        ("p95 latency <= 2 s @ 90 %", "p95_latency", "", "<=", 2.0, 0.90),
        ("p99_latency ≤ 1.5 min", "p99_latency", "", "<=", 90.0, 0.95),
        ("cost_per_solved <= 0.05 EUR", "cost_per_solved", "", "<=", 0.05, 0.95),
        ("cost_per_1000 <= $1,200.50", "cost_per_1000", "", "<=", 1200.5, 0.95),
        ("net_value_per_case >= 0.10", "net_value_per_case", "", ">=", 0.10, 0.95),
        ("failure_rate <= 1e-2", "failure_rate", "", "<=", 0.01, 0.95),
        ("log_loss <= 1.4", "log_loss", "", "<=", 1.4, 0.95),
        ("worst_slice[domain] >= 0.7", "worst_slice", "domain", ">=", 0.7, 0.95),
        ("json-schema >= 99%", "json-schema", "", ">=", 0.99, 0.95),
    ],
)
def test_requirements_are_read_in_base_units(
    text: str, metric: str, of: str, op: str, bar: float, confidence: float
) -> None:
    found = parse_requirement(text)
    assert (metric, of, op, bar, confidence) == (found.metric, found.of, found.op, found.bar, found.confidence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worst_slice(accuracy by language) >= 0.8", Requirement("accuracy", ">=", 0.8, by="language")),
        (
            "worst slice( recall[not by us] by plan ) >= 80% @ 90%",
            Requirement("recall", ">=", 0.8, "not by us", 0.9, by="plan"),
        ),
        ("worst_slice(p95_latency by region) <= 2 s", Requirement("p95_latency", "<=", 2.0, by="region")),
        ("drop[typos] <= 3 points", Requirement("accuracy", "<=", 0.03, under="typos")),
        ("drop under typos <= 3 points", Requirement("accuracy", "<=", 0.03, under="typos")),
        ("drop under typos=0.05 <= 3 points", Requirement("accuracy", "<=", 0.03, under="typos=0.05")),
        ("drop[typos 0.05] <= 3 points", Requirement("accuracy", "<=", 0.03, under="typos 0.05")),
        ("drop(wer under noise -5) <= 3 points", Requirement("wer", "<=", 0.03, under="noise -5")),
        ("drop(recall[fraud] under typos) <= 0.05", Requirement("recall", "<=", 0.05, "fraud", under="typos")),
        ("non-inferior to incumbent by 1pt", Requirement("accuracy", ">=", -0.01, against="incumbent")),
        (
            "recall[fraud] non-inferior to sold by 3 by 2 % @ 99%",
            Requirement("recall", ">=", -0.02, "fraud", 0.99, against="sold by 3"),
        ),
        ("tone noninferior to 'gpt 4' by 0.02", Requirement("tone", ">=", -0.02, against="gpt 4")),
        ("non-inferior to rules by 0", Requirement("accuracy", ">=", 0.0, against="rules")),
        ("on-premises", Requirement("on-premises", "in", values=("true",))),
        ("on premises = no", Requirement("on-premises", "in", values=("no",))),
        ("licence in [MIT, Apache-2.0]", Requirement("licence", "in", values=("MIT", "Apache-2.0"))),
        ("region not in ['us, east', cn]", Requirement("region", "not in", values=("us, east", "cn"))),
        ('maker = "A, B & C"', Requirement("maker", "in", values=("A, B & C",))),
        ("region != us", Requirement("region", "not in", values=("us",))),
    ],
)
def test_views_of_a_metric_and_facts_are_read(text: str, expected: Requirement) -> None:
    """What is written and what is typed in Python are one thing."""
    found = parse_requirement(text)
    assert msgspec.structs.replace(found, text="") == expected
    assert str(found) == text


@pytest.mark.parametrize(
    ("text", "caret", "said"),
    [
        ("worst_slice(accuracy) >= 0.8", 20, "expected 'by'"),
        ("worst_slice(by language) >= 0.8", 12, "name of a metric"),
        ("worst_slice( >= 0.8", 13, "name of a metric"),
        ("worst_slice(accuracy by ) >= 0.8", 24, "name of a slice"),
        ("worst_slice(accuracy by language >= 0.8", 11, "never closed"),
        ("worst_slice(accuracy by language) >= 80", 37, "cannot pass 1"),
        ("drop[typos] <= 3", 15, "a drop is a share"),
        ("drop[typos] >= 3 points", 12, "at most"),
        ("drop <= 3 points", 5, "expected a perturbation"),
        ("drop(accuracy under typos) <= 3 ms", 30, "not measured in this unit"),
        ("non-inferior to incumbent", 16, "a candidate and a margin"),
        ("non-inferior to incumbent by little", 29, "expected a number"),
        ("non-inferior to incumbent by -1 pt", 29, "0 or more"),
        ("non-inferior to incumbent by 1", 29, "a margin is a share"),
        ("licence in MIT", 11, "a list in brackets"),
        ("licence in", 8, "a list in brackets"),
        ("licence in [MIT", 11, "never closed"),
        ("licence in []", 12, "expected a value"),
        ("licence in [MIT, ]", 16, "expected a value"),
        ("licence in ['MIT' 2]", 18, "a comma"),
        ("licence in [MIT] or free", 17, "after the fact"),
        ("licence =", 9, "expected a value"),
        ("on-premises @ 95%", 12, "takes no confidence"),
        ("accuracy in [0.9]", 9, "expected '>=' or '<='"),
        ("p95_latency", 11, "expected '>=' or '<='"),
    ],
)
def test_views_and_facts_that_cannot_be_read_are_pointed_at(text: str, caret: int, said: str) -> None:
    """At the character, as everywhere."""
    with pytest.raises(RequirementError) as caught:
        parse_requirement(text)
    lines = str(caught.value).splitlines()
    assert said in lines[0]
    assert caret == lines[2].index("^") - 4


def test_the_text_is_kept_as_it_was_written() -> None:
    assert str(parse_requirement(" accuracy >=  80 % ")) == "accuracy >= 80 %"


@pytest.mark.parametrize(
    ("text", "caret", "said"),
    [
        ("accuracy => 0.9", 9, "Did you mean '>='?"),
        ("accuracy > 0.9", 9, "Did you mean '>='?"),
        ("accuracy = 0.9", 9, "expected '>=' or '<='"),
        ("accuracy 0.9", 9, "expected '>=' or '<='"),
        (">= 0.9", 0, "name of a metric"),
        ("accuracy >=", 11, "expected a number"),
        ("accuracy >= high", 12, "expected a number"),
        ("accuracy >= 90", 12, "Did you mean 90 %?"),
        ("accuracy >= 0.9 parsecs", 16, "unknown unit 'parsecs'"),
        ("accuracy >= 0.9 ms", 12, "not measured in this unit"),
        ("p95_latency <= 800", 15, "needs a unit of time"),
        ("p95_latency <= 90 %", 15, "needs a unit of time"),
        ("cost_per_case <= 3 ms", 17, "is money"),
        ("cost_per_case <= $3 EUR", 17, "two units"),
        ("recall[fraud >= 0.8", 6, "never closed"),
        ("recall[] >= 0.8", 7, "name of a class"),
        ("accuracy >= 0.9 @", 16, "expected a confidence"),
        ("accuracy >= 0.9 @ 95", 18, "50 % to below 100 %"),
        ("accuracy >= 0.9 @ 100%", 18, "50 % to below 100 %"),
        ("accuracy >= 0.9 @ 95% sure", 22, "after the confidence"),
        ("accuracy >= 0.9 95%", 16, "but '@'"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, caret: int, said: str) -> None:
    with pytest.raises(RequirementError) as caught:
        parse_requirement(text)
    lines = str(caught.value).splitlines()
    assert f"    {text}" == lines[1]
    assert caret == lines[2].index("^") - 4
    assert said in str(caught.value)


def test_an_empty_requirement_shows_an_example() -> None:
    with pytest.raises(RequirementError, match=r"accuracy >= 0\.90 @ 95%"):
        parse_requirement("  ")


@pytest.mark.parametrize(
    ("text", "money"), [("cost_per_case <= 1 EUR", "EUR"), ("cost_per_case <= £1", "GBP"), ("accuracy >= 1 %", "")]
)
def test_the_currency_of_a_bar(text: str, money: str) -> None:
    assert money == money_of(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but RequirementError comes out of a text that a user may write."""
    try:
        found = parse_requirement(text)
    except RequirementError:
        return
    assert found.op in (">=", "<=", "in", "not in")


@given(st.floats(0, 1), st.sampled_from([">=", "<="]), st.floats(0.5, 0.999))
def test_what_was_written_is_what_is_read(bar: float, op: str, confidence: float) -> None:
    found = parse_requirement(f"accuracy {op} {bar!r} @ {confidence!r}")
    assert (op, bar) == (found.op, found.bar)
    assert confidence == pytest.approx(found.confidence, rel=1e-9)
