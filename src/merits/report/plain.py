"""Text that came from outside, made safe to look at. A model's output is hostile until it has been here.

Knows nothing about HTML: escaping is the page's business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from merits.core.identity import JSON
from merits.core.secrets import shown_values
from merits.reading.values import text_of

__all__ = ["clean", "cut", "one_line", "shortened", "target_text"]

_ESCAPES = re.compile(
    r"""(?x)
    \x1b \[ [0-?]* [ -/]* [@-~]              # CSI: colours, cursor moves
    | \x1b [\]PX^_] .*? (?: \x1b\\ | \x07 | \Z )   # OSC and other strings: titles, links, clipboard
    | \x1b [ -/]* [0-~]                       # two-character escapes
    | \x9b [0-?]* [ -/]* [@-~]               # the one-character CSI""",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and marks that reorder what follows.

    Line ends and tabs stay; halves of characters that no file can hold become U+FFFD.

    >>> clean("\\x1b[31mred\\x1b[0m \\x07 a\\u202eb")
    'red  ab'
    """
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def cut(value: JSON, longest: int) -> str:
    """The value as clean text of at most `longest` characters, an ellipsis standing for the rest.

    >>> cut("abcdef", 4)
    'abc…'
    """
    text = clean(shown_values(text_of(value), 4 * longest + 100)).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def one_line(value: JSON, longest: int = 80) -> str:
    """The value as clean text on one line.

    >>> one_line("a\\n  b")
    'a b'
    """
    return cut(" ".join(clean(shown_values(text_of(value), 8 * longest + 100)).split()), longest)


def shortened(name: str, longest: int = 44) -> str:
    """The name as clean text on one line, cut in its middle: names of what is made of others begin alike.

    >>> shortened("cascade of keywords, words-linear and minilm-linear, no loss", 30)
    'cascade of keyw…linear, no loss'
    >>> shortened("words"), shortened("")
    ('words', '(no name)')
    """
    text = " ".join(clean(name).split()) or "(no name)"
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half].rstrip()}…{text[-half:].lstrip()}"


def target_text(target: JSON, longest: int) -> str:
    """The right answer as clean text; of several texts, any of which will do, each.

    >>> target_text(["Kyiv", "Kiev"], 80), target_text("Oslo", 80), target_text({"city": "Oslo"}, 80)
    ('Kyiv or Kiev', 'Oslo', '{"city":"Oslo"}')
    """
    texts = (
        [] if isinstance(target, str) or not isinstance(target, Sequence) else [t for t in target if isinstance(t, str)]
    )
    several = isinstance(target, Sequence) and bool(texts) and len(texts) == len(target)
    return cut(" or ".join(texts) if several else target, longest)
