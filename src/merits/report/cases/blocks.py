"""What a case is shown as: texts, pictures, players, aligned words, lists. Plain data; the page draws them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import PurePath
from typing import Literal, TypeAlias

import msgspec

from merits.core.identity import JSON
from merits.media.embedding import Embedded
from merits.report.plain import cut, one_line

__all__ = ["Block", "Figure", "Files", "Item", "Items", "Text", "Word", "Words", "aligned", "blocks_of", "has_figure"]

Files: TypeAlias = Callable[[str], Embedded | None]

_CHARACTERS = 500
_COLUMN_CHARACTERS = 120
_MOST_FILES = 8
_MOST_WORDS = 120


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A text, cleaned and shortened; `label` is the column that it stands in, "" for none."""

    text: str
    label: str = ""


class Figure(msgspec.Struct, frozen=True, tag="figure"):
    """A picture or a sound: `src` is a `data:` address, "" where it is not shown; `note` is its size, or why not."""

    kind: Literal["picture", "sound"]
    src: str
    name: str
    note: str
    label: str = ""


class Word(msgspec.Struct, frozen=True):
    """A place in two aligned texts: what was wanted, and what was said; one of them is "" where a word is missing."""

    op: Literal["equal", "substitute", "delete", "insert"]
    wanted: str
    said: str


class Words(msgspec.Struct, frozen=True, tag="words"):
    """A text beside the one that was wanted, word by word; `label` is the column that it stands in, "" for none."""

    words: tuple[Word, ...]
    label: str = ""


class Item(msgspec.Struct, frozen=True):
    """One of a list, and whether it is among the right ones."""

    name: str
    is_right: bool


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A list in order, the best first; `n_more` are left out."""

    items: tuple[Item, ...]
    n_more: int = 0


Block: TypeAlias = Text | Figure | Words | Items


def blocks_of(value: JSON, files: Files) -> tuple[Block, ...]:
    """A value as blocks: files that it names as figures, all else as text, columns one by one.

    >>> blocks_of({"title": "Moon", "year": 1969}, lambda name: None)
    (Text(text='Moon', label='title'), Text(text='1969', label='year'))
    """
    if isinstance(value, Mapping) and isinstance(value.get("file"), str) and "sha256" in value:
        return blocks_of(value["file"], files)
    if isinstance(value, Mapping):
        return tuple(block for name, cell in value.items() for block in _cell(cell, one_line(name, 40), files))
    return _cell(value, "", files)


def has_figure(blocks: Sequence[Block]) -> bool:
    """Whether there is anything to look at or to listen to.

    >>> has_figure(blocks_of("a text", lambda name: None))
    False
    """
    return any(isinstance(block, Figure) for block in blocks)


def _cell(value: JSON, label: str, files: Files) -> tuple[Block, ...]:
    names = [value] if isinstance(value, str) else value
    if isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names):
        found = [(str(name), files(str(name))) for name in names[:_MOST_FILES]]
        if all(embedded for _, embedded in found):
            return tuple(
                Figure(one.kind, one.src, _shown_name(name), one_line(one.note, 160), label)
                for name, one in found
                if one is not None
            )
    text = one_line(value, _COLUMN_CHARACTERS) if label else cut(value, _CHARACTERS)
    return (Text(text, label),) if text else ()


def _shown_name(name: str) -> str:
    """A path beside the data as it is; of any other the last part: where a machine keeps its files is nobody's."""
    return one_line(PurePath(name).name if PurePath(name).is_absolute() else name, 60)


def aligned(wanted: str, said: str) -> tuple[Word, ...]:
    """Two texts word by word, by the longest common runs (Ratcliff & Obershelp, `difflib`).

    >>> [word.op for word in aligned("the big house", "the house")]
    ['equal', 'delete', 'equal']
    """
    one, two = wanted.split()[:_MOST_WORDS], said.split()[:_MOST_WORDS]
    words: list[Word] = []
    for op, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if op == "equal":
            words += [Word("equal", word, word) for word in one[a:b]]
            continue
        for left, right in zip_longest(one[a:b], two[c:d], fillvalue=""):
            words.append(Word("substitute" if left and right else "delete" if left else "insert", left, right))
    return tuple(words)
