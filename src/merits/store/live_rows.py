"""Which tables the live store has, and how a record becomes a row of one. The same for every database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from merits.core.identity import JSON
from merits.core.live import Alert, AlertMark, ApiKey, Checkpoint, Feedback, LiveRecord, Rollout, Served
from merits.core.release import Release
from merits.core.secrets import redact, redact_values

__all__ = [
    "INDEXES",
    "SCHEMA",
    "TABLES",
    "Row",
    "Table",
    "column",
    "feedback_without_content",
    "row",
    "table_of",
    "without_content",
]

SCHEMA = 2  # older ones are brought up to it: live_migrations
Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table: its columns with their types (text, int, real, bytes), and what happens to a row that is there already.

    Each has a column `number` too, which grows as rows are added, unless it has a `key` of its own.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: str = ""
    again: str = ""  # "nothing", "replace", or "" where every row is a new one

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for name, _ in self.columns)

    @property
    def insert(self) -> tuple[str, str]:
        """What stands before and after the rows in the statement that inserts them."""
        others = [f"{name} = excluded.{name}" for name in self.names if name not in self.key]
        ends = {
            "": "",
            "nothing": " ON CONFLICT DO NOTHING",
            "replace": f" ON CONFLICT ({self.key}) DO UPDATE SET {', '.join(others)}",
        }
        return f"INSERT INTO {self.name} ({', '.join(self.names)}) ", ends[self.again]


_TEXT, _REAL, _INT, _BYTES = "text", "real", "int", "bytes"
TABLES = {
    table.name: table
    for table in (
        Table(
            "merits_served",
            (
                ("task", _TEXT), ("request", _TEXT), ("arm", _TEXT), ("at", _REAL), ("key", _TEXT),
                ("cost", _REAL), ("currency", _TEXT), ("kept", _INT), ("record", _TEXT),
            ),
            again="nothing",
        ),
        Table(
            "merits_feedback",
            (("task", _TEXT), ("request", _TEXT), ("at", _REAL), ("kept", _INT), ("record", _TEXT)),
        ),
        Table("merits_records", (("kind", _TEXT), ("task", _TEXT), ("name", _TEXT), ("record", _TEXT))),
        Table(
            "merits_checkpoints",
            (("task", _TEXT), ("name", _TEXT), ("at", _REAL), ("state", _BYTES), ("seen", _INT)),
            key="task, name",
            again="replace",
        ),
    )
}  # fmt: skip
INDEXES = (
    "CREATE UNIQUE INDEX merits_served_once ON merits_served (request, task, arm)",
    "CREATE INDEX merits_served_of_task ON merits_served (task, number)",
    "CREATE INDEX merits_served_kept ON merits_served (task, at) WHERE kept = 1",
    "CREATE INDEX merits_served_to_key ON merits_served (key, currency, at, cost) WHERE key <> ''",
    "CREATE INDEX merits_feedback_of_task ON merits_feedback (task, number)",
    "CREATE INDEX merits_feedback_on_request ON merits_feedback (request)",
    "CREATE INDEX merits_feedback_kept ON merits_feedback (task, at) WHERE kept = 1",
    "CREATE INDEX merits_records_of_task ON merits_records (kind, task, number)",
)

_encode = msgspec.json.Encoder().encode


def table_of(record: LiveRecord) -> str:
    """The name of the table a record belongs in. TypeError for what is no record."""
    if isinstance(record, Served):
        return "merits_served"
    if isinstance(record, Feedback):
        return "merits_feedback"
    if isinstance(record, Checkpoint):
        return "merits_checkpoints"
    if isinstance(record, Release | Rollout | ApiKey | Alert | AlertMark):
        return "merits_records"
    raise TypeError(f"a live store keeps what was served, and feedback, releases and their like, not {type(record)}")


def row(record: LiveRecord) -> Row:
    """The columns of a record, in the order of its table. Secrets that were registered are not in them."""
    if isinstance(record, Served):
        return (
            column(record.task), column(record.request), record.arm, record.at, column(record.key),
            record.cost, record.currency, int(_may_have_content(record)), _served(record),
        )  # fmt: skip
    if isinstance(record, Feedback):
        kept = int(bool(record.comment) or isinstance(record.target, str | dict | list))
        return column(record.task), column(record.request), record.at, kept, _text(record)
    if isinstance(record, Checkpoint):
        return column(record.task), column(record.name), record.at, record.state, record.cursor
    kind, task, name = _filed_under(record)
    return kind, column(task), column(name), _text(record)


def _filed_under(record: Release | Rollout | ApiKey | Alert | AlertMark) -> tuple[str, str, str]:
    if isinstance(record, Release):
        return "release", record.task_name, str(record.version)
    if isinstance(record, Rollout):
        return "rollout", record.task, ""
    if isinstance(record, ApiKey):
        return "key", "", record.id
    if isinstance(record, Alert):
        return "alert", record.task, record.id
    return "mark", record.task, record.alert


def column(text: str) -> str:
    """A text as databases keep it: PostgreSQL refuses the character NUL, and none keeps half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\ufffd")


def _served(record: Served) -> str:
    failure = record.answer.failure
    if failure is not None:
        failure = replace(failure, message=redact(failure.message))
        record = replace(record, answer=replace(record.answer, failure=failure))
    return _text(record)


def _text(record: LiveRecord) -> str:
    try:
        text = _encode(record).decode()
    except UnicodeEncodeError:  # half a surrogate pair, from a model's output: one such must not hold up the others
        plain = json.dumps(msgspec.to_builtins(record), ensure_ascii=False)
        text = plain.encode("utf-8", "replace").decode()
    return redact_values(text)


def _may_have_content(record: Served) -> bool:
    output = record.answer.output
    failure = record.answer.failure
    told = failure is not None and bool(failure.message)
    words = any(map(_is_word, record.seen.values()))
    return words or record.input is not None or isinstance(output, str | dict | list) or told or bool(record.embedding)


def _is_word(seen: float | str | None) -> bool:
    return isinstance(seen, str) and seen not in ("true", "false")


def without_content(record: Served, labels: frozenset[str]) -> Served | None:
    """The record without its input, and its output unless that is a number or one of the labels.

    Of what was watched of the input the numbers stay: its vector and its words (a language, a column) go. A failure
    keeps its kind, not its message: providers repeat in it what they were sent. None where there was nothing to take.
    """
    answer = record.answer
    output = answer.output if _says_little(answer.output, labels | set(answer.probabilities or ())) else None
    failure = None if answer.failure is None else replace(answer.failure, message="")
    seen = {name: value for name, value in record.seen.items() if not _is_word(value)}
    answer = replace(answer, output=output, failure=failure)
    left = replace(record, input=None, embedding=(), seen=seen, answer=answer)
    return None if left == record else left


def feedback_without_content(record: Feedback, labels: frozenset[str]) -> Feedback | None:
    """The record without its comment, and its target unless that is a number, a label, or a list of such.

    None where there was nothing to take.
    """
    target = record.target
    little = all(_says_little(each, labels) for each in (target if isinstance(target, list) else [target]))
    left = replace(record, comment="", target=target if little else None)
    return None if left == record else left


def _says_little(output: JSON, labels: frozenset[str]) -> bool:
    return output in labels if isinstance(output, str) else not isinstance(output, dict | list)
