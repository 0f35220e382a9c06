"""A live store as the first Merits made it, and what must be true once it was opened by this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from merits.core.doors import LiveStore
from merits.core.live import Feedback
from merits.testing.contracts.live_store import release, served

Run = Callable[[str, Sequence[object]], object]

SERVED = "(number {id}, task TEXT, request TEXT, arm TEXT, at {real}, key TEXT, cost {real}, kept {int}, record TEXT)"
COLUMNS = "task, request, arm, at, key, cost, kept, record"
TABLES = (
    f"CREATE TABLE merits_served {SERVED}",
    "CREATE TABLE merits_feedback (number {id}, task TEXT, request TEXT, record TEXT)",
    "CREATE TABLE merits_records (number {id}, kind TEXT, task TEXT, name TEXT, record TEXT)",
    "CREATE TABLE merits_checkpoints "
    "(task TEXT, name TEXT, at {real}, state {bytes}, seen {int}, PRIMARY KEY (task, name))",
    "CREATE UNIQUE INDEX merits_served_once ON merits_served (request, arm)",
    "CREATE INDEX merits_served_of_task ON merits_served (task, number)",
    "CREATE INDEX merits_served_kept ON merits_served (task, at) WHERE kept = 1",
    "CREATE INDEX merits_served_to_key ON merits_served (key, at, cost) WHERE key <> ''",
    "CREATE INDEX merits_feedback_of_task ON merits_feedback (task, number)",
    "CREATE INDEX merits_feedback_on_request ON merits_feedback (request)",
    "CREATE INDEX merits_records_of_task ON merits_records (kind, task, number)",
)


def made(run: Run, types: dict[str, str]) -> None:
    """Makes its tables, and puts a few records there."""
    for table in TABLES:
        run(table.format(**types), ())
    records = [
        replace(served("euro", at=5.0), key="k", cost=2.0, currency="EUR"),
        replace(served("dollar \0", at=5.0), key="k", cost=0.5),
        replace(served("word", at=5.0), seen={"length": 4.0, "name": "Anna"}),
        replace(served("number", at=5.0), seen={"length": 4.0}),
    ]
    for one in records:
        values = (one.task, one.request.replace("\0", "?"), one.arm, one.at, one.key, one.cost, 0, _text(one))
        run(f"INSERT INTO merits_served ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?)", values)
    said = Feedback(request="word", task="tickets", at=6.0, target="Dear Anna", comment="to Anna")
    run("INSERT INTO merits_feedback (task, request, record) VALUES (?,?,?)", ("tickets", "word", _text(said)))
    row = ("release", "tickets", "1", _text(release(1)))
    run("INSERT INTO merits_records (kind, task, name, record) VALUES (?,?,?,?)", row)


def _text(record: object) -> str:
    return msgspec.json.encode(record).decode()


def holds(store: LiveStore) -> None:
    """What was there is there, and what is new holds for it."""
    assert [one.record.request for one in store.served("tickets")] == ["euro", "dollar \0", "word", "number"]
    store.add([served("word", task="another"), served("word")])  # ids are of a task
    assert [one.record.request for one in store.served("another")] == ["word"]
    assert len(store.served("tickets")) == 4
    assert (store.spent("k", 0.0, "EUR"), store.spent("k", 0.0)) == (2.0, 0.5)
    assert store.forget("tickets", 6.0) == 2
    assert "Anna" not in str([*store.served("tickets"), *store.feedback("tickets")])
