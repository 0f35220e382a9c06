"""Holds what a client asks against the schema of a release's inputs, before any model is asked.

A value out of the range that was seen is taken, and so is a new category: that is drift. Of another sort it is refused,
with what is expected and the next step. Knows nothing about HTTP beyond how a request is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from merits.core.identity import JSON
from merits.core.input_schema import Column, Form, InputSchema, Sort
from merits.core.validate import did_you_mean
from merits.media.finding import is_sound
from merits.serving.refusals import Refusal
from merits.serving.schemas import sort_of
from merits.serving.uploads import Files, defused

__all__ = ["Check", "Written", "must_be_messages"]

_LARGEST = 1e308
_WORDS: Mapping[Sort, str] = {
    "text": "a text",
    "number": "a number",
    "switch": "true or false",
    "list": "a list",
    "record": "an object",
    "picture": "a picture",
    "sound": "a sound",
}
_PLURAL: Mapping[Sort | Form, str] = {
    "text": "texts",
    "number": "numbers",
    "switch": "true or false",
    "list": "lists",
    "record": "objects",
    "picture": "pictures",
    "sound": "sounds",
    "columns": "columns",
    "messages": "messages",
}
_READS: Mapping[Form, str] = {
    "text": "a text",
    "columns": "columns",
    "messages": "chat messages",
    "picture": "a picture (a data URL: data:image/png;base64,...)",
    "sound": "a sound (a data URL: data:audio/wav;base64,...)",
    "list": "a list",
}
_NUMBER = msgspec.json.Decoder(float | int)
_SHOWN = 12


class Written(str):
    """A field of a form: it comes as a text and may mean a number, true or false, or nothing."""


class Check:
    """What a release takes. `chats` says that its candidate takes messages as they are, beside texts."""

    def __init__(self, schema: InputSchema, model: str, *, chats: bool = False) -> None:
        self.schema, self._model = schema, model
        forms: tuple[Form, ...] = schema.forms
        if chats and forms and {"text", "messages"} & {*forms}:
            forms = tuple(dict.fromkeys((*forms, "text", "messages")))
        self.forms = forms
        self._columns = {column.name: column for column in schema.columns}

    @property
    def reads_files(self) -> bool:
        """Whether a column holds pictures or sounds."""
        return any({"picture", "sound"} & {*column.holds, *column.items} for column in self.schema.columns)

    def takes(self, form: Form) -> bool:
        """Whether inputs may be of this form."""
        return not self.forms or form in self.forms

    def must_take(self, form: Form, param: str) -> None:
        """Nothing where inputs may be of this form, else Refusal 400."""
        if not self.takes(form):
            raise self.refusal(_READS[form] if form != "columns" else "an object of columns", param)

    def refusal(self, given: str, param: str) -> Refusal:
        """What is said to an input of another form: what is read instead."""
        wanted = " or ".join(_READS[form] for form in self.forms) or "an input"
        names = self.schema.names
        if names and "columns" in self.forms:
            shown = ", ".join(name[:80] for name in names[:_SHOWN])
            wanted += f" ({shown}{', ...' if len(names) > _SHOWN else ''})"
        given = given.partition(" (")[0]
        return Refusal(400, "invalid_value", f"{self._model} reads {wanted}, not {given}.", param=param)

    def file(self, path: str, param: str) -> None:
        """Nothing where inputs are files of this sort, else Refusal 400."""
        self.must_take("sound" if is_sound(Path(path)) else "picture", param)

    def columns(self, given: Mapping[str, JSON], files: Files, param: str) -> tuple[dict[str, JSON], bool]:
        """The columns as the release reads them, in their order, and whether a file is among them.

        Pictures and sounds are the paths of files by then; what may be null and was left out is null. Refusal 400 for a
        column that is unknown or missing, or that holds what it never does.
        """
        columns = self._columns
        if not columns:
            return self._any(given, files, param)
        if not given:
            raise self.refusal("an object without any", param)
        for name in given:
            if name not in columns:
                hint = did_you_mean(name, columns)
                text = f"The input has an unknown column {name[:80]!r}. {hint}"
                raise Refusal(400, "unknown_column", text, param=f"{param}.{name[:80]}")
        found: dict[str, JSON] = {}
        has_files = False
        for name, column in columns.items():
            if name not in given:
                if column.missing == "never":
                    raise self._missing(name, given, param)
                if column.missing == "null":
                    found[name] = None
                continue
            found[name], is_file = self._cell(column, given[name], files, f"{param}.{name}")
            has_files = has_files or is_file
        return found, has_files

    def _any(self, given: Mapping[str, JSON], files: Files, param: str) -> tuple[dict[str, JSON], bool]:
        """The columns of a release that does not know its own."""
        unknown = Column(name="")
        found = {name: self._cell(unknown, cell, files, param) for name, cell in given.items()}
        return {name: cell for name, (cell, _) in found.items()}, any(is_file for _, is_file in found.values())

    def _missing(self, name: str, given: Mapping[str, JSON], param: str) -> Refusal:
        lacking = [each for each, column in self._columns.items() if column.missing == "never" and each not in given]
        also = f" So do {', '.join(lacking[1:_SHOWN])}." if len(lacking) > 1 else ""
        text = f"The input lacks the column {name[:80]!r}, which {self._model} was never tried without.{also}"
        return Refusal(400, "missing_column", text, param=f"{param}.{name[:80]}")

    def _cell(self, column: Column, cell: JSON, files: Files, param: str) -> tuple[JSON, bool]:
        """A cell as it is read, and whether it names files."""
        if isinstance(cell, Written):
            cell = _meant(cell, column)
        if cell is None:
            if column.missing == "never":
                expected = " or ".join(_WORDS[sort] for sort in column.holds) or "a value"
                text = f"The column {column.name[:80]!r} is null, and always held a value. Give {expected}."
                raise Refusal(400, "missing_value", text, param=param)
            return None, False
        holds = column.holds
        if isinstance(cell, str):
            path = files.from_url(cell, param) if _may_be_file(holds) else None
            if path is not None:
                self._must_hold(column, "sound" if is_sound(Path(path)) else "picture", cell, param)
                return path, True
            self._must_hold(column, "text", cell, param)
            return defused(str(cell)), False
        sort = sort_of(cell)
        assert sort is not None
        self._must_hold(column, sort, cell, param)
        if sort == "number" and abs(cell) > _LARGEST:  # type: ignore[arg-type]
            raise Refusal(400, "invalid_value", f"The number in {column.name[:80]!r} is too large.", param=param)
        if sort == "list":
            return self._list(column, cell, files, param)  # type: ignore[arg-type]
        return defused(cell), False

    def _list(self, column: Column, cells: Sequence[JSON], files: Files, param: str) -> tuple[JSON, bool]:
        of = Column(name=column.name, holds=column.items, missing="null")
        found = [self._cell(of, cell, files, f"{param}[{at}]") for at, cell in enumerate(cells)]
        return [cell for cell, _ in found], any(is_file for _, is_file in found)

    def _must_hold(self, column: Column, sort: Sort, cell: JSON, param: str) -> None:
        holds = column.holds
        if not holds or sort in holds:
            return
        expected = " or ".join(_PLURAL[each] for each in holds)
        text = f"The column {column.name[:80]!r} holds {expected}, and {_shown(cell)} is {_WORDS[sort]}."
        raise Refusal(400, "invalid_value", text + _how(holds, cell), param=param)


def _may_be_file(holds: Sequence[Sort]) -> bool:
    return not holds or "picture" in holds or "sound" in holds


def _meant(written: Written, column: Column) -> JSON:
    """What a field of a form means in a column."""
    text = str(written)
    holds = column.holds
    if not text.strip() and column.missing != "never":
        return None
    if not holds or "text" in holds:
        return text
    if "switch" in holds and text in ("true", "false"):
        return text == "true"
    if "number" in holds:
        return _as_number(text, text)
    return text


def _as_number(text: str, otherwise: JSON) -> JSON:
    try:
        number: JSON = _NUMBER.decode(text.strip())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return otherwise
    return number


def _shown(cell: JSON) -> str:
    text = msgspec.json.encode(cell).decode() if not isinstance(cell, str) else repr(str(cell)[:60])
    return text if len(text) <= 70 else f"{text[:60]}..."


def _how(holds: Sequence[Sort], cell: JSON) -> str:
    """The next step for a cell of another sort."""
    if isinstance(cell, str):
        if "picture" in holds or "sound" in holds:
            return f" Send a data URL: data:{'image/png' if 'picture' in holds else 'audio/wav'};base64,..."
        if "number" in holds and _as_number(cell, None) is not None:
            return " Send it without quotes."
        if "switch" in holds:
            return " Send true or false without quotes." if cell.lower() in ("true", "false") else ""
        return " Where it is not known, send null or leave it out." if not cell.strip() else ""
    if isinstance(cell, int | float) and "text" in holds:
        return " Send it in quotes."
    return ""


def must_be_messages(value: JSON, param: str) -> None:
    """Nothing where a list is one of chat messages, else Refusal 400."""
    for at, message in enumerate(value if isinstance(value, list) else ()):
        given = message if isinstance(message, Mapping) else {}
        if not isinstance(given.get("role"), str) or not isinstance(given.get("content"), str | list | None):
            text = 'A message is {"role": ..., "content": ...}.'
            raise Refusal(400, "invalid_value", text, param=f"{param}[{at}]")
