"""Outcomes of another tool meet a task: each is one of its test examples, by id and input, or an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from merits.core.errors import DataError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example, Task
from merits.evaluating.importing.outcomes import Found, Imported

__all__ = ["matched"]


def matched(found: Found, task: Task) -> Found:
    """The outcomes under the ids and hashes of the task's own test examples. Raises DataError for one it has not."""
    examples = task.split("test")
    by_id = {example.id: example for example in examples}
    by_input: dict[str, list[Example]] = {}
    for each in examples:
        by_input.setdefault(content_hash(each.input), []).append(each)
    rows = []
    for row in found.rows:
        example: Example | None = _example(row, by_id, by_input)
        if example is None:
            raise DataError(
                f"{row.place}: example {row.example!r} is none of the {len(by_id):,} test examples of {task.name!r}.",
                "Import it as a task of its own: --task OTHER.yaml",
            )
        rows.append(dataclasses.replace(row, example=example.id, input_hash=example.input_hash))
    return dataclasses.replace(found, rows=rows)


def _example(row: Imported, by_id: Mapping[str, Example], by_input: Mapping[str, list[Example]]) -> Example | None:
    """The one of this id, whose input was part of what was asked; else the only one of this input."""
    example = by_id.get(row.example)
    if example is not None and (row.input is None or _asks(row.input, example.input)):
        return example
    alike = by_input.get(content_hash(row.input), ()) if row.input is not None else ()
    if len(alike) == 1:
        return alike[0]
    if example is None:
        return None
    raise DataError(
        f"{row.place}: example {row.example!r} has another input there than in the task.",
        "Give different examples different ids, or import it as a task of its own: --task OTHER.yaml",
    )


def _asks(asked: JSON, input: JSON) -> bool:
    """Whether an input is what was asked, or stands in it (in a prompt, in a message)."""
    return content_hash(asked) == content_hash(input) or (
        isinstance(input, str) and any(input in text for text in _texts(asked))
    )


def _texts(value: JSON) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)
