"""Recognises tasks by more than their target: sounds, pictures with words, events, texts in two languages.

Says which kind of task a table holds and which columns that kind asks of it. Knows nothing about candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from merits.core.errors import DataError
from merits.core.kinds import TaskKind, task_kind
from merits.tasks.columns import TARGET_NAMES
from merits.tasks.events import customary
from merits.tasks.guess import guess_kind
from merits.tasks.looking import Look, is_called_target, is_id, words_in_name

__all__ = ["Found", "language_called", "language_of", "recognise"]

Looks = Mapping[str, Look]
_TRANSCRIPTS = ("transcript", "transcription", "reference", "sentence", "text", *TARGET_NAMES)
_CAPTIONS = ("caption", "prompt", "description", "title", "text", "sentence", "statement", "name")
_CAPTIONED = ("caption", "prompt")  # of a picture that is to be drawn, where nothing is called a label
_RATINGS = ("rating", "ratings", "stars")
_SOURCES = ("source", "src")
_TRANSLATED = ("target", "tgt", "trg", "translation", "reference", "ref")
_WORDS_OF_EVENTS = {
    "user": {"user", "customer", "client", "member", "visitor", "shopper", "listener", "reader", "viewer", "session"},
    "item": {"item", "product", "sku", "movie", "film", "book", "article", "song", "track", "video", "game", "page"},
}
# ISO 639-3, then the names and codes that columns have.
_LANGUAGES = (
    *("eng english en", "spa spanish es", "deu german de", "fra french fr", "ita italian it", "por portuguese pt"),
    *("cat catalan ca", "nld dutch nl", "swe swedish sv", "dan danish da", "nob norwegian nb", "ron romanian ro"),
    *("glg galician gl", "pol polish pl", "rus russian ru", "ukr ukrainian uk", "tur turkish tr", "ara arabic ar"),
    *("zho chinese zh", "jpn japanese ja", "kor korean ko", "hin hindi hi"),
)
_CODES = {name: line.split()[0] for line in _LANGUAGES for name in line.split()}


@dataclass(frozen=True)
class Found:
    """What was recognised: the kind and the columns that it asks of; "" and () leave a column to be picked.

    `events` are the keys under `events:` of a recommendation. `why` says by what a kind that nobody told was
    recognised, and ends in how sure that is.
    """

    kind: str
    why: str = ""
    inputs: tuple[str, ...] = ()
    target: str = ""
    events: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Told:
    """What was told, which is not guessed."""

    kind: TaskKind | None
    target: str
    inputs: tuple[str, ...]


def recognise(
    looks: Looks, *, kind: str | None = None, target: str | None = None, inputs: Sequence[str] | None = None
) -> Found | None:
    """The kind of task that the columns hold, and its columns; None where the target alone says what it is.

    `kind`, `target` and `inputs` are what was told. Raises DataError where a kind was told whose columns are not
    there, and TaskError for a kind that is not.
    """
    told = _Told(task_kind(kind) if kind else None, target or "", tuple(inputs or ()))
    if told.kind is None:
        guesses = () if inputs else (_events, _sounds, _languages, _source_and_target, _pictures_and_words)
        return next((found for guess in guesses if (found := guess(looks, told))), None)
    guess = _guess_of(told.kind)
    return guess(looks, told) if guess else None


def language_of(column: str) -> str:
    """The ISO 639-3 code of the language that a column is called after; "" for none.

    >>> language_of("English"), language_of("text_de"), language_of("target")
    ('eng', 'deu', '')
    """
    return next((_CODES[word] for word in reversed(words_in_name(column)) if word in _CODES), "")


def language_called(code: str) -> str:
    """The English name of a language by its ISO 639-3 code, or the code.

    >>> language_called("spa")
    'Spanish'
    """
    return next((line.split()[1].title() for line in _LANGUAGES if line.startswith(code)), code)


def _guess_of(kind: TaskKind) -> Callable[[Looks, _Told], Found | None] | None:
    """What finds the columns of a kind, by what it reads and what its target is."""
    if "events" in kind.reads:
        return _events
    if kind.reads == ("sound",):
        return _sounds
    if kind.target == "picture":
        return _drawn
    if "picture" in kind.reads:
        return _pictures_and_words if len(kind.reads) > 1 else _pictures
    return _two_texts if kind.reads == ("text",) and kind.target in ("text", "record") else None


def _events(looks: Looks, told: _Told) -> Found | None:
    """Who chose what, and when: a recommendation."""
    found = {key: name for key in ("user", "item", "time") if (name := _of_event(key, looks))}
    if told.kind is None:
        others = [look for name, look in looks.items() if name not in found.values()]
        is_other = told.target or any(look.has_words or look.name.lower() in TARGET_NAMES for look in others)
        if len(found) < 3 or is_other or looks[found["user"]].rows_each < 2:
            return None
    elif len(found) < 3:
        lacking = " and the ".join(key for key in ("user", "item", "time") if key not in found)
        raise DataError(
            f"cannot tell which column is the {lacking} of an event. The columns are {', '.join(looks)}.",
            "Call the columns user, item and time, or write the task file with `events: {user: COLUMN, ...}`.",
        )
    rating = next((name for name, look in looks.items() if name.lower() in _RATINGS and _is_whole(look)), "")
    events = found | ({"rating": rating} if rating else {})
    return Found("recommendation", "who chose what, and when, by the names of the columns (likely)", events=events)


def _of_event(key: str, looks: Looks) -> str:
    """The column with the user, item or time of an event: by its whole name, by a word of it, or as the only moment."""
    found = customary(key, tuple(looks))
    if key == "time":
        moments = [name for name, look in looks.items() if look.is_time]
        return found or (moments[0] if len(moments) == 1 else "")
    wanted = _WORDS_OF_EVENTS[key]
    called = [name for name, look in looks.items() if wanted & {*words_in_name(name)} and not look.has_words]
    return found or (called[0] if len(called) == 1 else "")


def _is_whole(look: Look) -> bool:
    """Whether it holds whole numbers, as gains must be."""
    return all(str(value).strip().isdigit() for value in look.values)


def _sounds(looks: Looks, told: _Told) -> Found | None:
    """A sound and its transcript: speech."""
    sounds = [name for name, look in looks.items() if look.is_sound]
    texts = [name for name, look in looks.items() if look.has_words]
    target = told.target or _named(looks, _TRANSCRIPTS) or (texts[0] if len(texts) == 1 else "")
    if told.kind is None and (len(sounds) != 1 or not target or not looks[target].has_words):
        return None
    inputs = told.inputs or (_only(sounds, "sounds", "input", looks),)
    return Found("speech", f"{inputs[0]} names sounds, {target} says what is heard in them (likely)", inputs, target)


def _languages(looks: Looks, told: _Told) -> Found | None:
    """Two columns that are called after languages: a translation of one into the other."""
    texts = [name for name, look in looks.items() if look.has_words and language_of(name)]
    if len(texts) != 2 or told.target not in ("", *texts) or language_of(texts[0]) == language_of(texts[1]):
        return None
    source, target = reversed(texts) if told.target == texts[0] else texts
    return Found("translation", f"{source} and {target} are called after languages (likely)", (source,), target)


def _source_and_target(looks: Looks, told: _Told) -> Found | None:
    """Two texts that are called source and target, as in collections of translations."""
    texts = [name for name, look in looks.items() if look.has_words]
    source, target = _named(texts, _SOURCES), told.target or _named(texts, _TRANSLATED)
    if len(texts) != 2 or {source, target} != {*texts} or not source:
        return None
    why = f"{source} and {target} are called like the sides of a translation (a guess: else --kind generation)"
    return Found("translation", why, (source,), target)


def _two_texts(looks: Looks, told: _Told) -> Found | None:
    """A text for a text: what the names do not say, the order of the columns does."""
    if told.target or told.inputs or _named(looks, TARGET_NAMES):
        return None
    found = _languages(looks, told)
    texts = [name for name, look in looks.items() if look.has_words]
    return found or (Found("", inputs=(texts[0],), target=texts[1]) if len(texts) == 2 else None)


def _pictures(looks: Looks, told: _Told) -> Found | None:
    """A picture, whatever is beside it."""
    pictures = [name for name, look in looks.items() if look.is_picture]
    return Found("", inputs=told.inputs or (_only(pictures, "pictures", "input", looks),))


def _drawn(looks: Looks, told: _Told) -> Found:
    """A caption and the picture that is to be drawn for it."""
    pictures = [name for name, look in looks.items() if look.is_picture]
    target = told.target or _only(pictures, "pictures", "target", looks)
    texts = [name for name, look in looks.items() if look.has_words]
    caption = _named([name for name in looks if name != target], _CAPTIONS) or (texts[0] if texts else "")
    return Found("", inputs=told.inputs or ((caption,) if caption else ()), target=target)


def _pictures_and_words(looks: Looks, told: _Told) -> Found | None:
    """Pictures with words beside them: read together where there is a label, else drawn for the words."""
    pictures = [name for name, look in looks.items() if look.is_picture]
    words = [name for name, look in looks.items() if look.has_words and name != told.target]
    if told.inputs or len(pictures) != 1 or not words:
        return Found("", inputs=told.inputs) if told.kind else None
    others = [look for name, look in looks.items() if name not in (*pictures, *words)]
    labels = [look.name for look in others if guess_kind(look.values) == "classification"]
    captioned = _named(words, _CAPTIONED) and not any(map(is_called_target, labels))
    if told.kind is None and not told.target and (captioned or not labels):
        caption = _named(words, _CAPTIONED) or (words[0] if len(words) == 1 else "")
        or_else = f"; to tell {labels[0]} from them: --target {labels[0]}" if labels else ""
        why = f"{pictures[0]} names pictures and {caption} says what they show (a guess{or_else})"
        return Found("text-to-image", why, (caption,), pictures[0]) if caption else None
    numbers = [look.name for look in others if look.name != told.target and _is_amount(look)]
    inputs = (*pictures, *words, *numbers)
    return Found("multimodal-classification", f"{', '.join(inputs)}: pictures with words (likely)", inputs)


def _is_amount(look: Look) -> bool:
    """Whether a column holds numbers that say something of the example: no code, no label and no running number."""
    return (
        look.is_number
        and not look.is_constant
        and not is_id(look)
        and guess_kind(look.values, tabular=True) == "regression"
    )


def _only(found: Sequence[str], what: str, role: str, looks: Looks) -> str:
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"{'several columns name' if found else 'no column names'} {what} ({', '.join(found or looks)}).",
        f"Name it: merits init FILE --{role} COLUMN",
    )


def _named(names: Iterable[str], wanted: Sequence[str]) -> str:
    """The column whose name comes first among those wanted, "" for none."""
    low = {name.lower(): name for name in names}
    return next((low[name] for name in wanted if name in low), "")
