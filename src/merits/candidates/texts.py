"""Inputs and targets as text, for models that read nothing else. Knows nothing about models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind

__all__ = ["as_text", "is_messages", "one_answer", "prose_of"]


def as_text(value: JSON) -> str:
    """A value as text: a text as it is, columns as `name: value` lines, chat messages as `role: content` lines.

    Missing values are left out of columns; anything else is written as JSON.

    >>> as_text({"subject": "Refund", "body": "Please.", "phone": None})
    'subject: Refund\\nbody: Please.'
    >>> as_text([{"role": "user", "content": "Hi"}])
    'user: Hi'
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {as_text(cell)}" for name, cell in value.items() if cell not in (None, ""))
    if is_messages(value):
        return "\n".join(f"{message['role']}: {as_text(message['content'])}" for message in value)
    return json.dumps(value, ensure_ascii=False)


def prose_of(value: JSON) -> str:
    """The words that somebody wrote: texts of columns and messages, without names of columns, roles and numbers.

    >>> prose_of({"subject": "Erstattung", "amount": 12.5, "body": [{"role": "user", "content": "Bitte."}]})
    'Erstattung\\nBitte.'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(filter(None, map(prose_of, value.values())))
    if is_messages(value):
        return "\n".join(filter(None, (prose_of(message["content"]) for message in value)))
    return "\n".join(filter(None, map(prose_of, value))) if isinstance(value, Sequence) else ""


def one_answer(target: JSON, kind: str) -> JSON:
    """A right answer as a model may give it: in a task of texts, the first of a list of targets of which any will do.

    >>> one_answer(["Kyiv", "Kiev"], "generation"), one_answer(["Kyiv", "Kiev"], "extraction")
    ('Kyiv', ['Kyiv', 'Kiev'])
    """
    if isinstance(target, str | Mapping) or not isinstance(target, Sequence) or not target:
        return target
    return target[0] if kind in kind_names() and task_kind(kind).target == "text" else target


def is_messages(value: JSON) -> TypeGuard[Sequence[Mapping[str, JSON]]]:
    """Whether a value is a list of chat messages: mappings with a role and a content.

    >>> is_messages([{"role": "user", "content": "Hi"}]), is_messages(["Hi"]), is_messages("Hi")
    (True, False, False)
    """
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return False
    return all(isinstance(item, Mapping) and {"role", "content"} <= set(item) for item in value)
