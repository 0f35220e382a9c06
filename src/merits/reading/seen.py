"""What is watched of texts, columns and chats: a few numbers and categories instead of the content. Microseconds.

The same is read of test examples and of live requests, so that they can be compared. Pictures and sounds are in
`merits.media.seen`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TypeAlias
from zlib import crc32

import numpy as np

from merits.core.errors import MissingExtra
from merits.core.identity import JSON
from merits.core.reference import Reference
from merits.reading.languages import Detect, detector
from merits.reading.topics import Reader, pairs_of

__all__ = [
    "EMBEDDED",
    "OTHER",
    "Lens",
    "Seen",
    "embedding_of",
    "seen_of_columns",
    "seen_of_text",
    "text_in",
    "words_of",
]

Seen: TypeAlias = "dict[str, float | str | None]"

EMBEDDED = 16  # dimensions
OTHER = "(other)"  # a category that the reference does not have: it may be anything, a name even
_LONGEST = 64  # characters of a category; a longer text in a column is watched by its length
_MOST_WORDS = 100
_LOOKED_AT = 200  # characters that a language is told by
_WORD = re.compile(r"\w+")
_PIECE = 3


@dataclass(frozen=True)
class Lens:
    """What to look for: the words that are known, the categories that may be named, and whether the language is told.

    Without a vocabulary no share of unknown words is seen. `categories` maps a column to what may be named of it: what
    is not among them becomes `OTHER`, for it may be personal. A column that is not in it is watched by its numbers, and
    by texts of up to 64 characters, unless there is a reference (`of`): then by `OTHER` in their stead. The language is
    told of one text in `language_of` (chosen by the text itself), for it takes three times as long as all else; 0 for
    none. `pairs` are the words that are known side by side (`pairs_of`), and `topic` says what a text is about.
    """

    vocabulary: frozenset[str] = frozenset()
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    language_of: int = 4
    names_others: bool = True
    pairs: frozenset[int] = frozenset()
    topic: Reader | None = None

    @staticmethod
    def of(reference: Reference) -> Lens:
        """What the streams of a reference need, and no word that it does not have.

        >>> from merits.core.reference import StreamReference
        >>> plan = StreamReference(
        ...     name="input: plan", kind="category", counts=(9, 0, 0), shares=(1, 0, 0), categories=("gold",)
        ... )
        >>> lens = Lens.of(Reference(kind="classification", n=9, streams=(plan,)))
        >>> seen_of_columns({"plan": "Anna", "new column": "Anna"}, lens)
        {'plan': '(other)', 'new column': '(other)'}
        """
        return Lens(
            frozenset(reference.vocabulary),
            {
                one.name.removeprefix("input: "): frozenset(one.categories)
                for one in reference.streams
                if one.kind == "category" and one.name.startswith("input: ")
            },
            4 if any(one.name.endswith("language") for one in reference.streams) else 0,
            names_others=False,
            pairs=frozenset(np.frombuffer(reference.pairs, np.uint32).tolist()),
            topic=None if reference.topics is None else Reader(reference.topics),
        )


def words_of(text: str) -> list[str]:
    """The words of a text, small, at most 100; of scripts without spaces, pieces of three characters.

    >>> words_of("Don't panic, PLEASE!")
    ['don', 't', 'panic', 'please']
    """
    words = _WORD.findall(text[: 12 * _MOST_WORDS].lower())[:_MOST_WORDS]
    if not words or max(map(len, words)) <= 15:
        return words
    pieces = (
        [word] if len(word) <= 15 else [word[at : at + _PIECE] for at in range(0, len(word), _PIECE)] for word in words
    )
    return [piece for some in pieces for piece in some][:_MOST_WORDS]


def seen_of_text(text: str, lens: Lens = Lens(), name: str = "") -> Seen:
    """Length in characters, number of words, shares of unknown words and of unknown pairs of them, subject, language.

    `name` stands before each.

    >>> seen_of_text("Where is my new card?", Lens(frozenset({"where", "is", "my", "card"}), language_of=0))
    {'length': 21.0, 'words': 5.0, 'unknown words': 0.2}
    """
    words = words_of(text)
    seen: Seen = {f"{name}length": float(len(text)), f"{name}words": float(len(words))}
    if lens.vocabulary:
        known = lens.vocabulary
        seen[f"{name}unknown words"] = (
            (len(words) - sum(map(known.__contains__, words))) / len(words) if words else None
        )
    if lens.pairs:
        pairs = pairs_of(words)
        seen[f"{name}unknown pairs"] = (
            (len(pairs) - sum(map(lens.pairs.__contains__, pairs))) / len(pairs) if pairs else None
        )
    if lens.topic is not None:
        seen[f"{name}topic"] = lens.topic(words)
    every = lens.language_of
    if every and (every == 1 or len(text) % every == 0) and (detect := _detect()) is not None:
        seen[f"{name}language"] = detect(text[:_LOOKED_AT])
    return seen


def seen_of_columns(input: Mapping[str, JSON], lens: Lens = Lens()) -> Seen:
    """Each column as a number, a category, or the length of a longer text; None where it is empty.

    >>> seen_of_columns({"age": 41, "plan": "gold", "note": "", "paid": True})
    {'age': 41.0, 'plan': 'gold', 'note': None, 'paid': 'true'}
    """
    seen: Seen = {}
    for name, value in input.items():
        if value is None or value == "":
            seen[name] = None
        elif value is True or value is False:
            seen[name] = "true" if value else "false"
        elif isinstance(value, int | float):
            seen[name] = float(value) if math.isfinite(value) else None
        elif isinstance(value, str):
            known = lens.categories.get(name)
            if known is not None:
                seen[name] = value if value in known else OTHER
            elif len(value) <= _LONGEST:
                seen[name] = value if lens.names_others else OTHER
            else:
                seen[f"{name}: length"] = float(len(value))
        elif isinstance(value, Sequence):
            seen[f"{name}: items"] = float(len(value))
    return seen


def text_in(input: JSON) -> str | None:
    """What a user wrote: a text, what users say in a chat, or the longest text of columns; None where there is none.

    >>> text_in([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}])
    'Hello'
    """
    if isinstance(input, str):
        return input
    if isinstance(input, Mapping):
        return max((value for value in input.values() if isinstance(value, str)), key=len, default=None)
    if not isinstance(input, Sequence):
        return None
    said = [_content(turn) for turn in input if isinstance(turn, Mapping) and turn.get("role", "user") == "user"]
    return "\n".join(said) if said else None


def embedding_of(text: str) -> tuple[float, ...]:
    """A text as a short vector: its words thrown onto 16 dimensions by their hash, as a unit vector (0s for no word).

    Weinberger et al. (2009), "Feature hashing for large scale multitask learning", arXiv 0902.2206. It tells other
    words apart, not other meanings; for a stream of texts whose subject changes that is enough.

    >>> len(embedding_of("Where is my card?")), embedding_of("")[0]
    (16, 0.0)
    """
    vector = [0.0] * EMBEDDED
    for word in words_of(text):
        place, sign = _place(word)
        vector[place] += sign
    length = math.hypot(*vector)
    return tuple([x / length for x in vector]) if length else tuple(vector)


@lru_cache(maxsize=50_000)
def _place(word: str) -> tuple[int, float]:
    """The dimension of a word, and in which direction."""
    code = crc32(word.encode("utf-8", "surrogatepass"))
    return code % EMBEDDED, 1.0 if code & 1024 else -1.0


def _content(turn: Mapping[str, JSON]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))


@cache
def _detect() -> Detect | None:
    try:
        return detector()
    except MissingExtra:
        return None
