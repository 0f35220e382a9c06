"""Reads a class label out of what a candidate said, without guessing."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping

from merits.core.identity import JSON
from merits.reading.values import json_of, text_of

__all__ = ["read_label", "reader", "told_label"]

_AROUND = " \t\r\n\"'`*“”‘’«»„‚"  # quotes, and the marks chat models put around a word to make it bold or code
_TOLD = re.compile(
    r"\b(?:label|class|category|intent|answer)\b[\"'`*]*\s*(?:is|:|=)\s*(?P<label>[^\n]+)", re.IGNORECASE
)
_LONGEST = 2_000  # characters; a longer text is no label, and reading it as one would only cost time


def read_label(output: JSON, classes: tuple[str, ...]) -> str | None:
    """The class that the output names, or None when it names none of them.

    Spaces, upper and lower case, quotes around it and one full stop after it do not matter; numbers and booleans are
    read as their text; `{"label": ...}` (as a mapping or as JSON text) is read as its label. Nothing else is read
    into it: "positive, I think" names no class. Where two classes differ in case only, case decides.

    >>> read_label(' "Positive". ', ("negative", "positive"))
    'positive'
    >>> read_label("positive, I think", ("negative", "positive")) is None
    True
    """
    return reader(classes)(output)


def told_label(output: JSON, classes: tuple[str, ...]) -> str | None:
    """The class that an answer is taken to mean by whoever learns from it: also one that it calls the label, once.

    For teachers and voters, whose answers are read and not judged: a scorer holds a candidate to the form that the
    task asked for, and reads with `read_label`.

    >>> told_label("The label is **spam**.", ("ham", "spam")), told_label("It is not spam", ("ham", "spam"))
    ('spam', None)
    """
    read = reader(classes)
    found = read(output)
    if found is not None or not isinstance(output, str) or len(output) > _LONGEST:
        return found
    told = {label for match in _TOLD.finditer(output) if (label := read(match["label"])) is not None}
    return told.pop() if len(told) == 1 else None


@functools.lru_cache(maxsize=64)
def reader(classes: tuple[str, ...]) -> Callable[[JSON], str | None]:
    """`read_label` for these classes, prepared once: for those who read a million answers."""
    exact = {name: name for name in classes}
    by_fold: dict[str, str | None] = {}
    for name in classes:
        for form in {_fold(name), _fold(_bare(name))} - {""}:
            by_fold[form] = None if by_fold.get(form, name) != name else name

    def read_text(text: str) -> str | None:
        found = exact.get(text)
        if found is not None or len(text) > _LONGEST:
            return found
        found = by_fold.get(_fold(text))
        return found if found is not None else by_fold.get(_fold(_bare(text)))

    remembered = functools.lru_cache(maxsize=4096)(read_text)

    def read(output: JSON) -> str | None:
        if type(output) is str:
            found = exact.get(output) or remembered(output)
            if found is None and output.lstrip()[:1] in ("{", "`"):
                return _read_json(output, read)
            return found
        if isinstance(output, Mapping):
            inner = output.get("label")
            return None if isinstance(inner, Mapping) else read(inner)
        return remembered(text_of(output)) if isinstance(output, (str, int, float)) else None

    return read


def _read_json(text: str, read: Callable[[JSON], str | None]) -> str | None:
    try:
        value = json_of(text[:_LONGEST])
    except ValueError:
        return None
    return read(value) if isinstance(value, Mapping) else None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _bare(text: str) -> str:
    """Without quotes around it and without one full stop, inside the quotes or after them."""
    bare = text.strip(_AROUND)
    return bare.removesuffix(".").strip(_AROUND) if not bare.endswith("..") else bare
