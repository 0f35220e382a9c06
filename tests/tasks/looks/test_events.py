"""What a needs analysis says of events."""

from __future__ import annotations

import pytest

from merits.tasks.looks.events import CODES, event_facts, event_findings
from merits.tasks.make import make_task
from merits.tasks.profile import profile
from tests.tasks.test_interactions import drawn, rows_of


def facts(rows, **events):
    return event_facts(make_task(rows, kind="recommendation", events=events).examples)


def test_counts_are_those_of_the_table() -> None:
    rows = drawn()
    found = facts(rows, cut=800)
    before = {(row["user"], row["item"]) for row in rows if row["time"] < 800}
    assert found.n_events == len(before)
    assert (found.n_users, found.n_items) == (len({u for u, _ in before}), len({i for _, i in before}))
    assert found.density == pytest.approx(len(before) / (found.n_users * found.n_items))
    assert found.first == min(row["time"] for row in rows)
    assert 800 <= found.cut <= found.last == max(row["time"] for row in rows)


def test_what_is_cold_sparse_or_of_one_moment_is_found() -> None:
    events = [(user, item, 1_700_000_000) for user in ("a", "b") for item in ("x", "y")]
    events += [(user, item, 1_700_100_000) for user in ("new", "newer", "a") for item in ("z", "w")]
    found = facts(rows_of(events), cut=1_700_050_000)
    codes = {finding.code: finding.text for finding in event_findings(found)}
    assert set(codes) == set(CODES)
    assert codes["cold-users"].startswith("2 of 3 users")
    assert codes["cold-items"].startswith("6 of 6 choices")


def test_ordinary_events_are_nothing_to_look_at() -> None:
    assert list(event_findings(facts(drawn(2_000, users=30, items=100)))) == []


def test_the_check_of_a_task_speaks_of_events() -> None:
    events = [(user, item, 1_700_000_000) for user in ("a", "b") for item in ("x", "y")]
    events += [(user, item, 1_700_100_000) for user in ("new", "newer", "a") for item in ("z", "w")]
    task = make_task(rows_of(events), kind="recommendation", events={"cut": 1_700_050_000})
    found = profile(task)
    (look,) = found.looks
    said = {fact.name: fact.text for fact in look.facts}
    assert (look.reads, look.n) == ("events", len(task.examples))
    assert said["events"].startswith("4 before the cut, of 2 users and 2 items")
    assert said["sparsity"] == "100.00% of all pairs of a user and an item are events"
    assert said["after the cut"].startswith("3 users are asked for, 2 of them new, who chose 6 times")
    assert said["times"] == "2023-11-14 to 2023-11-16, cut at 2023-11-16"
    assert set(CODES) <= {finding.code for finding in found.warnings}
