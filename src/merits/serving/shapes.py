"""What a release takes and gives as JSON Schema (2020-12), with an example that can be sent as it stands.

Examples are made up, or usual values that the release's schema shows: never an input of the task.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from merits.core.identity import JSON
from merits.core.input_schema import Column, Form, InputSchema, Sort
from merits.core.kinds import Target, kind_names, task_kind
from merits.core.release import Release

__all__ = ["Shape", "input_example", "input_shape", "output_shape", "target_example", "target_shape", "wav"]

Shape: TypeAlias = dict[str, Any]
_TEXT = "An example."
_MOST_CLASSES = 1_000
_MESSAGE: Shape = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {"role": {"type": "string"}, "content": {"anyOf": [{"type": "string"}, {"type": "array"}]}},
}
_FILE: Mapping[str, Shape] = {
    "picture": {
        "type": "string",
        "pattern": "^data:image/[a-z]+;base64,[A-Za-z0-9+/]+={0,2}$",
        "description": "A picture as a data URL (PNG, JPEG, GIF, WebP).",
    },
    "sound": {
        "type": "string",
        "pattern": "^data:audio/[a-z0-9]+;base64,[A-Za-z0-9+/]+={0,2}$",
        "description": "A sound as a data URL (WAV, FLAC, OGG, MP3, M4A, WebM).",
    },
}
_SORTS: Mapping[Sort, Shape] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "switch": {"type": "boolean"},
    "record": {"type": "object"},
    **{sort: _FILE[sort] for sort in ("picture", "sound")},
}


def input_shape(schema: InputSchema, forms: Sequence[Form]) -> Shape:
    """The JSON Schema of an input, of which `forms` are taken.

    >>> age = Column(name="age", holds=("number",), missing="null", examples=(41,))
    >>> shape = input_shape(InputSchema(forms=("columns",), columns=(age,)), ("columns",))
    >>> shape["properties"]
    {'age': {'anyOf': [{'type': 'number'}, {'type': 'null'}], 'examples': [41]}}
    >>> shape["additionalProperties"], "required" in shape
    (False, False)
    """
    shapes: Mapping[Form, Shape] = {
        "text": {"type": "string"},
        "columns": _columns(schema.columns),
        "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
        "list": {"type": "array"},
        "picture": _FILE["picture"],
        "sound": _FILE["sound"],
    }
    return _any_of([shapes[form] for form in forms])


def _columns(columns: Sequence[Column]) -> Shape:
    shape: Shape = {"type": "object"}
    if columns:
        shape |= {
            "properties": {column.name: _column(column) for column in columns},
            "additionalProperties": False,
            "minProperties": 1,
        }
    required = [column.name for column in columns if column.missing == "never"]
    return shape | {"required": required} if required else shape


def _column(column: Column) -> Shape:
    if not column.holds:
        return {}
    shapes = [_list(column) if sort == "list" else _SORTS[sort] for sort in column.holds]
    shape = dict(_any_of([*shapes, *([{"type": "null"}] if column.missing != "never" else [])]))
    return shape | {"examples": list(column.examples)} if column.examples else shape


def _list(column: Column) -> Shape:
    items = [_SORTS[sort] for sort in column.items if sort in _SORTS]
    return (
        {"type": "array", "items": _any_of(items)} if len(items) == len(column.items) and items else {"type": "array"}
    )


def _any_of(shapes: Sequence[Shape]) -> Shape:
    if not shapes:
        return {}
    return dict(shapes[0]) if len(shapes) == 1 else {"anyOf": list(shapes)}


def output_shape(release: Release) -> Shape:
    """The JSON Schema of what a release answers. Models may say what they like: of a label what else it may be, too."""
    sort = _sort(release)
    if sort == "label" and release.classes:
        other: Shape = {"type": "string", "description": "What else a model says is no label."}
        return {"anyOf": [_labels(release), other, {"type": "null"}]}
    if sort == "picture":
        url = {"type": "string", "description": "The picture as a data URL."}
        return {"anyOf": [{"type": "object", "properties": {"file": {"type": "string"}, "url": url}}, {}]}
    descriptions: Mapping[Target, str] = {
        "number": "A number, or what a model says in its stead.",
        "text": "A text.",
        "record": "A record of fields, a list of spans, or the text that says so.",
        "items": "Items, the best first.",
    }
    return {"description": descriptions[sort]} if sort in descriptions else {}


def target_shape(release: Release) -> Shape:
    """The JSON Schema of the right answer, as feedback says it."""
    texts: Shape = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    shapes: Mapping[Target, Shape] = {
        "label": _labels(release) if release.classes else {"type": "string"},
        "number": {"type": "number"},
        "text": texts,
        "items": {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "required": ["items"]}]},
        "record": {"anyOf": [{"type": "object"}, {"type": "array"}]},
    }
    return shapes.get(_sort(release), {})


def target_example(release: Release) -> JSON:
    """A right answer that could be one."""
    examples: Mapping[Target, JSON] = {
        "label": release.classes[0] if release.classes else "a",
        "number": 12.5,
        "text": _TEXT,
        "items": ["ITEM"],
        "record": {"field": "value"},
    }
    return examples.get(_sort(release))


def _labels(release: Release) -> Shape:
    if len(release.classes) > _MOST_CLASSES:
        return {"type": "string"}
    return {"enum": list(release.classes), "title": "label"}


def _sort(release: Release) -> Target:
    return task_kind(release.kind).target if release.kind in kind_names() else "none"


def input_example(schema: InputSchema) -> JSON:
    """An input that is taken.

    >>> input_example(InputSchema(forms=("text",)))
    'An example.'
    >>> age = Column(name="age", holds=("number",), examples=(41,))
    >>> input_example(InputSchema(forms=("columns",), columns=(age, Column(name="note", holds=("text",)))))
    {'age': 41, 'note': 'An example.'}
    """
    form = schema.forms[0] if schema.forms else "text"
    examples: Mapping[Form, JSON] = {
        "text": _TEXT,
        "columns": {column.name: _cell_example(column) for column in schema.columns},
        "messages": [{"role": "user", "content": _TEXT}],
        "list": [_TEXT],
        "picture": _data_url("image/png", _png()),
        "sound": _data_url("audio/wav", wav()),
    }
    return examples[form]


def _cell_example(column: Column) -> JSON:
    if column.examples:
        return column.examples[0]
    if not column.holds:
        return None if column.missing != "never" else _TEXT
    return _example_of(column.holds[0], column.items)


def _example_of(sort: Sort, items: Sequence[Sort] = ()) -> JSON:
    examples: Mapping[Sort, JSON] = {
        "text": _TEXT,
        "number": 1,
        "switch": True,
        "record": {},
        "list": [_example_of(items[0])] if items and items[0] != "list" else [],
        "picture": _data_url("image/png", _png()),
        "sound": _data_url("audio/wav", wav()),
    }
    return examples[sort]


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _png(side: int = 64) -> bytes:
    """A grey square (PNG, ISO/IEC 15948)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def wav(n: int = 2_000, *, whole: bool = True) -> bytes:
    """A quarter of a second of silence (RIFF WAVE, 16 bits at 8 kHz); or only its head."""
    size = 2 * n
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", size
    )
    return head + bytes(size) if whole else head
