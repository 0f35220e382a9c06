"""JSON files and lines, with the place of what is broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from merits.core.errors import DataError
from merits.core.identity import JSON

__all__ = ["Line", "json_lines", "json_value"]


class Line(NamedTuple):
    """One object of a file of lines, and where it stands."""

    place: str
    value: Mapping[str, JSON]


def json_value(path: Path) -> JSON:
    """The value in a JSON file. NaN is understood: other tools write it."""
    try:
        value: JSON = json.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is no text in UTF-8.", "Name a file with results.") from None
    except ValueError as problem:
        raise DataError(f"{path.name} is no JSON: {problem}.", "Write it again.") from None
    return value


def json_lines(path: Path) -> list[Line]:
    """The objects of a file with one on each line; blank lines are passed over."""
    found = []
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is no text in UTF-8.", "Name a file with results.") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path.name}, line {number}"
        try:
            value = json.loads(line)
        except ValueError as problem:
            raise DataError(f"{place} is no JSON: {problem}.", "Write the file again.") from None
        if not isinstance(value, dict):
            raise DataError(f"{place} is no JSON object.", "Write one object on each line.")
        found.append(Line(place, value))
    return found
