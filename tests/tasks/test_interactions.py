"""Events become examples that are split by time, without a leak; what cannot be read is said with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merits.core.errors import DataError, TaskError
from merits.core.task import Task
from merits.tasks.make import make_task

Rows = list[dict[str, Any]]


def rows_of(events: list[tuple[object, object, object]]) -> Rows:
    return [{"user": user, "item": item, "time": time} for user, item, time in events]


def drawn(n: int = 300, users: int = 12, items: int = 40, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    columns = (random.integers(users, size=n), random.integers(items, size=n), random.integers(1_000, size=n))
    return rows_of(list(zip(*(column.tolist() for column in columns), strict=True)))


def task_of(rows: Rows, events: dict[str, Any] | None = None, **options: Any) -> Task:
    return make_task(rows, kind="recommendation", events=events, **options)


def by_id(task: Task) -> dict[str, Any]:
    return {example.id: example for example in task.examples}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 30)), min_size=4, max_size=80),
    st.floats(0.05, 0.95),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_candidate_can_read_an_event_at_or_after_the_cut(
    events: list[tuple[int, int, int]], share: float, known_after: int, again: bool
) -> None:
    """What is in dev, input or target, is before everything in a target of test; whatever the data are like."""
    options = {"known_after": known_after, "again": again}
    try:
        task = task_of(rows_of(events), options, split={"method": "time", "test": share})
    except DataError:
        return
    cut = sorted(time for _, _, time in events)
    learned = [t for e in task.split("dev") for run in (e.input, e.target) for t in run["times"]]
    asked = [t for e in task.split("test") for t in e.target["times"]]
    assert max(learned) < min(asked)
    assert max(learned) < cut[-1]
    for example in task.split("test"):  # a user's own later choices may be known, if they are asked for
        assert example.input["times"] == sorted(example.input["times"])
        assert max(example.input["times"], default=0) <= min(example.target["times"])
        after = [t for t in example.input["times"] if t > max(learned)]
        assert len(after) <= known_after
        if not again:
            assert not set(example.input["items"]) & set(example.target["items"])


def test_every_event_is_in_one_place() -> None:
    """Before the cut in dev (and as history in test), after it in a target; repeats of a choice are left out."""
    rows = drawn()
    task = task_of(rows)
    firsts = {(str(row["user"]), str(row["item"])) for row in rows}
    dev = [(e.input["user"], i) for e in task.split("dev") for run in (e.input, e.target) for i in run["items"]]
    test = [(e.input["user"], i) for e in task.split("test") for i in e.target["items"]]
    assert sorted([*dev, *test]) == sorted(firsts)
    assert any("repeat an earlier choice" in note for note in task.notes)
    again = task_of(rows, {"again": True})
    assert sum(len(e.target["items"]) for e in again.split("test")) == 60  # a fifth, moments apart
    assert all(e.input["again"] is True for e in again.examples)


def test_an_example_is_a_user_with_history_and_target() -> None:
    events = [("ann", f"i{n}", n) for n in range(10)] + [("bob", "i1", 3), ("bob", "i9", 9)]
    task = task_of(rows_of(events), {"cut": 8})
    found = by_id(task)
    assert found["dev-ann"].input == {"user": "ann", "items": [f"i{n}" for n in range(6)], "times": list(range(6))}
    assert found["dev-ann"].target == {"items": ["i6", "i7"], "times": [6, 7]}
    assert found["test-ann"].input["items"] == [f"i{n}" for n in range(8)]
    assert found["test-ann"].target == {"items": ["i8", "i9"], "times": [8, 9]}
    assert found["dev-bob"].input["items"] == []
    assert found["test-bob"].tags == {"user": "few events", "items": "all new"}
    assert found["test-ann"].tags["items"] == "all new"


def test_cold_users_and_items_are_slices() -> None:
    events = [("ann", f"i{n}", n) for n in range(12)] + [("bob", "i0", 1), ("bob", "i1", 20), ("new", "i2", 21)]
    events += [("new", "unseen", 22), ("ann", "unseen", 23)]
    found = by_id(task_of(rows_of(events), {"cut": 15}))
    assert found["test-ann"].tags == {"user": "many events", "items": "all new"}
    assert found["test-bob"].tags == {"user": "few events", "items": "known"}
    assert found["test-new"].tags == {"user": "new", "items": "some new"}
    assert "dev-new" not in found


def test_first_choices_after_the_cut_may_be_known() -> None:
    """A new user's first choices, say; who made no more than those is not asked for."""
    events = [("ann", "a", 1), ("ann", "b", 2), ("new", "a", 10), ("new", "b", 11), ("new", "c", 12), ("one", "a", 10)]
    found = by_id(task_of(rows_of(events), {"cut": 10, "known_after": 2}))
    assert found["test-new"].input["items"] == ["a", "b"]
    assert found["test-new"].target["items"] == ["c"]
    assert found["test-new"].tags["user"] == "new"
    assert "test-one" not in found


def test_the_order_of_the_table_does_not_matter() -> None:
    rows = [{**row, "time": n} for n, row in enumerate(drawn())]
    shuffled = [rows[at] for at in np.random.default_rng(1).permutation(len(rows))]
    assert {e.id: e.input_hash for e in task_of(rows).examples} == {
        e.id: e.input_hash for e in task_of(shuffled).examples
    }


def test_the_last_event_of_each_user_leaks_and_says_so() -> None:
    events = [(user, f"i{n}", n) for user in ("ann", "bob") for n in range(5)] + [("one", "i0", 0)]
    task = task_of(rows_of(events), split={"method": "last"})
    assert [e.target["items"] for e in task.split("test")] == [["i4"], ["i4"]]
    assert any("learn from what others chose later" in note for note in task.notes)


def test_ratings_are_gains_or_say_what_is_no_choice() -> None:
    events = [("ann", f"i{n}", n, n % 5 + 1) for n in range(10)] + [("bob", f"i{n}", n, 5) for n in range(10)]
    rows = [{"who": u, "what": i, "when": t, "stars": r} for u, i, t, r in events]
    names = {"user": "who", "item": "what", "time": "when", "rating": "stars", "cut": 8}
    found = by_id(task_of(rows, names))
    assert found["test-ann"].target["ratings"] == [4, 5]
    liked = task_of(rows, {**names, "at_least": 4})
    assert "ratings" not in by_id(liked)["test-ann"].target
    assert by_id(liked)["test-ann"].input["items"] == ["i3", "i4"]
    assert any("6 events of a rating below 4 are left out" in note for note in liked.notes)


def test_items_are_called_by_their_titles_and_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("film,title\n1,Alien\n2,Emma\n3,Emma\n", "utf-8")
    events = [(u, i, t) for t, (u, i) in enumerate([("a", 1), ("a", 2), ("b", 3), ("b", 4), ("a", 3), ("b", 1)])]
    titles = {"data": str(tmp_path / "films.csv"), "item": "film", "title": "title"}
    found = by_id(task_of(rows_of(events), {"titles": titles, "cut": 4}))
    assert found["test-a"].input["items"] == ["Alien", "Emma [2]"]
    assert found["test-a"].target["items"] == ["Emma [3]"]
    assert found["test-b"].input["items"] == ["Emma [3]", "4"]
    with pytest.raises(DataError, match=r"films.csv has no column 'name'; it has film, title"):
        task_of(rows_of(events), {"titles": {**titles, "title": "name"}})


def test_data_that_came_apart_must_not_overlap_in_time() -> None:
    dev, test = rows_of([("a", "x", 1), ("b", "y", 2)]), rows_of([("a", "y", 3), ("b", "x", 4)])
    task = make_task({"dev": dev, "test": test}, kind="recommendation")
    assert [len(task.split(split)) for split in ("dev", "test")] == [2, 2]
    with pytest.raises(DataError, match="2 events of dev are not before the first event of test"):
        make_task({"dev": [*dev, *rows_of([("a", "z", 3), ("b", "z", 9)])], "test": test}, kind="recommendation")


def test_dates_are_moments_and_slices_are_of_the_first_event_that_is_asked_about() -> None:
    rows = [
        {"user": u, "item": i, "time": t, "device": d}
        for u, i, t, d in [
            ("a", "x", "2026-01-01", "phone"),
            ("b", "y", "2026-01-02T12:00:00", "phone"),
            ("a", "z", "2026-03-01", "desk"),
            ("a", "y", "2026-03-02", "phone"),
        ]
    ]
    task = task_of(rows, {"cut": "2026-02-01"}, slices="device")
    assert [e.tags["device"] for e in task.split("test")] == ["desk"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            rows_of([("a", "x", 1)]),
            {"events": {"user": "usr"}},
            "no column 'usr'; it has user, item, time. Did you mean",
        ),
        ([{"who": "a", "item": "x", "time": 1}], {}, "no column for the user .*: `events: {user: COLUMN}`"),
        (rows_of([("a", "x", 1), ("b", "x", "soon")]), {}, "row 2: 'soon' is no moment in time"),
        (rows_of([("a", "x", 1), ("b", "x", "nan")]), {}, "row 2: nan is no moment in time"),
        (rows_of([("a", "x", 1), ("b", "", 2)]), {}, "row 2: the item 'item' is empty"),
        (rows_of([("a", "x", 1), ("a", "y", 2)]), {}, "all 2 events are of one user, 'a'"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"cut": 9}}, "no event is at or after the cut at 9"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"cut": 1}}, "no event is before the cut at 1"),
        (rows_of([("a", "x", 5), ("b", "y", 5)]), {}, "no event is before the cut"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"cut": "soon"}}, "'soon' is no moment in time"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"rating": "stars"}}, "no column 'stars'"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"at_least": 3}}, "`at_least` needs the column"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"again": "no"}}, "again"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"target": "item"}, "`target` has no meaning for a recommendation"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"split": "hash"}, "events are split by time"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"split": {"method": "last"}}, "no user has two events"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"sample": 1}, r"sample: \{test: 500\}"),
        (rows_of([("a", "x", 1), ("b", "y", 2)]), {"events": {"known_after": 5}}, "none of the 1 examples is in test"),
    ],
)
def test_what_cannot_be_is_said_with_the_next_step(rows: Rows, options: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, TaskError), match=message):
        make_task(rows, kind="recommendation", **options)


@pytest.mark.parametrize("rating", ["-1", "good", "3.5", "inf", None])
def test_a_rating_that_is_no_gain_is_refused_with_its_line(rating: object) -> None:
    rows = [{**row, "stars": 1} for row in rows_of([("a", "x", 1), ("b", "y", 2)])]
    rows[1]["stars"] = rating
    with pytest.raises(DataError, match=re.escape(f"row 2: the rating {rating!r} is no whole number from 0")):
        task_of(rows, {"rating": "stars"})


def test_a_bad_line_of_a_large_file_is_named(tmp_path: Path) -> None:
    """Such a file is not held in memory."""
    lines = [f"u{n % 100},i{n % 97},{n}" for n in range(60_000)]
    lines[59_000] = "u1,i1,yesterday"
    (tmp_path / "events.csv").write_text("user,item,time\n" + "\n".join(lines), "utf-8")
    with pytest.raises(DataError, match=r"events.csv, line 59002: 'yesterday' is no moment in time"):
        make_task(tmp_path / "events.csv", kind="recommendation")


def test_only_a_recommendation_has_events() -> None:
    with pytest.raises(TaskError, match="only a recommendation has events"):
        make_task([{"text": "a", "label": "b"}], events={"user": "text"})
    with pytest.raises(TaskError, match="only a recommendation is split by `last`"):
        make_task([{"text": f"a{n}", "label": "xy"[n % 2]} for n in range(9)], split={"method": "last"})


def test_examples_are_plain_data() -> None:
    """They are hashed, stored and sent to models as JSON."""
    for example in task_of(drawn()).examples:
        assert json.loads(json.dumps([example.input, example.target])) == [example.input, example.target]
