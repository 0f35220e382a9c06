"""Says when two inputs are the same to a reader, so that they never stand on both sides of a split."""

from __future__ import annotations

import re
import unicodedata

from merits.core.identity import JSON, content_hash

__all__ = ["normalised", "text_of"]

_SEPARATORS = re.compile(r"[\W_]+")


def normalised(value: JSON) -> str:
    """The input without what readers do not see: case, white space, punctuation, Unicode variants.

    A text of nothing but signs (an emoji, "???") keeps them. What is no text, such as a mapping of columns, is
    identified by its content.

    >>> normalised("  Where's my CARD?! ") == normalised("where s my card")
    True
    >>> normalised("?!")
    '?!'
    """
    if not isinstance(value, str):
        return content_hash(value)
    text = value if value.isascii() else unicodedata.normalize("NFKC", value)
    return _SEPARATORS.sub(" ", text.casefold()).strip() or text.strip()


def text_of(value: JSON) -> str:
    """The text of an input to measure its length: the text itself, or all texts in a list of messages or a mapping.

    >>> text_of([{"role": "user", "content": "Hello"}, {"role": "user", "content": "there"}])
    'user Hello user there'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return " ".join(text_of(part) for part in value.values())
    if isinstance(value, list | tuple):
        return " ".join(text_of(part) for part in value)
    return "" if value is None else str(value)
