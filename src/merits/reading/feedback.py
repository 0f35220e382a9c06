"""What feedback says, and whether it was said before: one rule for what comes over HTTP and what comes in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from merits.core.identity import JSON
from merits.core.interactions import items_of
from merits.core.kinds import Target
from merits.core.live import Feedback
from merits.core.validate import did_you_mean
from merits.reading.labels import reader
from merits.reading.numbers import number_of

__all__ = ["Standing", "as_class", "standing", "unfit_target", "unknown_class"]

_Word: TypeAlias = tuple[str, bool | None, float | None]


class Standing(NamedTuple):
    """How a word stands to earlier ones of the same source on the same answer.

    `duplicate`: it was the last one already. `contradicts`: an earlier one says otherwise.
    """

    duplicate: bool
    contradicts: bool


def standing(said: Sequence[Feedback], before: Sequence[Feedback]) -> list[Standing]:
    """How each word stands to those before it, in `before` (oldest first) and in `said` itself.

    Several words that `before` ends with are duplicates all: they were sent, or their file was read, again.

    >>> def word(target): return Feedback(request="r", task="t", at=0.0, target=target)
    >>> [each.duplicate for each in standing([word("a"), word("a"), word("b")], [])]
    [False, True, False]
    >>> standing([word("a"), word("b")], [word("a"), word("b")])[0]
    Standing(duplicate=True, contradicts=True)
    """
    earlier: dict[tuple[str, str, str | None], list[_Word]] = {}
    for one in before:
        earlier.setdefault(_about(one), []).append(_word(one))
    lines: dict[tuple[str, str, str | None], list[_Word]] = {}
    for one in said:
        lines.setdefault(_about(one), []).append(_word(one))
    again = {about for about, line in lines.items() if _ends_with(earlier.get(about, []), line)}
    found = []
    for one in said:
        word, words = _word(one), earlier.setdefault(_about(one), [])
        duplicate = _about(one) in again or words[-1:] == [word]
        found.append(Standing(duplicate, any(other != word for other in words)))
        words.append(word)
    return found


def _about(said: Feedback) -> tuple[str, str, str | None]:
    return said.request, said.source, said.arm


def _word(said: Feedback) -> _Word:
    return repr(said.target), said.solved, said.score


def _ends_with(words: Sequence[_Word], line: Sequence[_Word]) -> bool:
    wanted = _once(line)
    return _once(words)[-len(wanted) :] == wanted


def _once(words: Sequence[_Word]) -> list[_Word]:
    """Without what is said twice in a row."""
    return [word for n, word in enumerate(words) if n == 0 or word != words[n - 1]]


def as_class(target: JSON, classes: Sequence[str]) -> JSON:
    """The class that a target names, read as answers are; None where it names none. Any target where there are none.

    >>> as_class("Spam", ("ham", "spam")), as_class("spma", ("ham", "spam")), as_class(7.5, ())
    ('spam', None, 7.5)
    """
    return reader(tuple(classes))(target) if classes and target is not None else target


def unknown_class(target: JSON, classes: Sequence[str]) -> tuple[str, str]:
    """What is wrong with a target that names no class, and the next step.

    >>> unknown_class("spma", ("ham", "spam"))
    ("the label is 'spma', which is none of the classes", "Did you mean 'spam'?")
    """
    text = str(target)[:120]
    return f"the label is {text!r}, which is none of the classes", did_you_mean(text, classes)


def unfit_target(target: JSON, sort: Target) -> str:
    """What is wrong with the right answer to a task whose answers are of this sort, with the next step; "" for nothing.

    Labels are looked at by `as_class`.

    >>> unfit_target("seven", "number"), unfit_target("7", "number"), unfit_target({"a": 1}, "text")
    ('The target must be a number.', '', 'The target must be a text, or a list of texts.')
    """
    if sort == "number" and number_of(_read(target)) is None:
        return "The target must be a number."
    is_list = isinstance(target, Sequence) and not isinstance(target, str)
    if sort == "text" and not isinstance(target, str):
        texts = isinstance(target, Sequence) and bool(target) and all(isinstance(one, str) for one in target)
        return "" if texts else "The target must be a text, or a list of texts."
    if sort == "items" and not items_of(target):
        return 'The target must be what was chosen: ["ITEM", ...], or {"items": ["ITEM", ...]}.'
    if sort == "record" and not (isinstance(target, Mapping | str) or is_list):
        return "The target must be a record of fields, or a list of spans."
    return ""


def _read(target: JSON) -> JSON:
    """A text that is a number as that number."""
    try:
        return float(target) if isinstance(target, str) else target
    except ValueError:
        return target
