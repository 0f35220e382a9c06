"""Blacks out what identifies people before content is kept. Errs on the side of blacking out.

The patterns find what is written in a usual form; names of people are not found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from merits.core.identity import JSON
from merits.core.secrets import redact_values

__all__ = ["redacted"]

_PATTERNS = {
    "e-mail": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}",
    "phone": r"(?<![\w.-])(?:\+|00)?\(?\d[\d ()/.-]{6,18}\d(?![\w-])",
    "card": r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])",
    "iban": r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)",
    "ip": r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])",
}
_MUST_HOLD = (re.compile(r"\d"), re.compile("@"))
_ORDER = ("e-mail", "iban", "card", "ip", "phone")  # the longest numbers first


def redacted(value: JSON, what: Sequence[str]) -> JSON:
    """A value in whose texts everything named in `what` is replaced by its name in brackets.

    Of `ContentPolicy.redact`: names of kinds, and regular expressions. Names of columns stay.

    >>> redacted({"text": "Mail anna@shop.example or call +49 30 1234567"}, ("e-mail", "phone"))
    {'text': 'Mail [e-mail] or call [phone]'}
    """
    patterns = _compiled(tuple(what))

    def clean(value: JSON) -> JSON:
        if isinstance(value, str):
            text = redact_values(value)
            for name, pattern, must_hold in patterns:
                if must_hold.search(text):  # most texts are passed over at once
                    text = pattern.sub(name, text)
            return text
        if isinstance(value, Mapping):
            return {name: clean(cell) for name, cell in value.items()}
        return [clean(cell) for cell in value] if isinstance(value, Sequence) else value

    return clean(value)


@lru_cache(maxsize=64)
def _compiled(what: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    named = [
        (f"[{name}]", re.compile(_PATTERNS[name]), _MUST_HOLD[name == "e-mail"]) for name in _ORDER if name in what
    ]
    others = (pattern for pattern in what if pattern not in _PATTERNS)
    return (*named, *(("[redacted]", re.compile(pattern), re.compile("")) for pattern in others))
