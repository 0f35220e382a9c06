"""What a drafted task file says, before it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from merits.core.identity import JSON

__all__ = ["Plan", "scalar"]

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*(?: [\w./-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft says: `split` is empty where the data comes divided; `where` is the task file's folder.

    `pictures` are those of its inputs that name pictures, `sounds` those that name sounds; `events` are the keys under
    `events:` of a recommendation, which has no inputs and no target.
    """

    kind: str
    inputs: tuple[str, ...]
    tabular: bool
    reads_text: bool
    target: str
    id: str
    group: str
    slices: tuple[str, ...]
    split: dict[str, JSON]
    extract: str
    numeric: bool
    labels: tuple[str, ...]
    n_rows: int
    pictures: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    events: dict[str, JSON] = {}
    tolerance: float = 0.0
    name: str = ""
    data: str | dict[str, str] = ""
    where: Path = Path()


def scalar(value: JSON) -> str:
    """A value as YAML in one line; texts are quoted where YAML could read something else.

    >>> scalar("text"), scalar("no"), scalar(["a", "b c"]), scalar({"column": "12"})
    ('text', '"no"', '[a, b c]', '{column: "12"}')
    """
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(part) for part in value) + "]"
    return json.dumps(value)
