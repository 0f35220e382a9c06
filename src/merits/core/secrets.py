"""The one choke point that keeps secrets out of everything that is written or shown.

Whoever reads a secret (an API key from the environment) registers it here; every text that came from outside
(a provider's error, a traceback, a log line) passes through `redact` before it is stored or printed.
"""

from __future__ import annotations

import re

__all__ = ["redact", "redact_values", "register"]

_known: set[str] = set()
_SHORTEST = 6  # shorter values would redact ordinary words
_BY_NAME = re.compile(
    r"""(?ix) (?P<name> authorization | (?:x-)?api[-_]?key | (?:secret|passwd|password|access[-_]?token)
            | (?<=[?&]) (?:key|sig|signature|token|auth|credentials?)   # in an address
            | --(?:key|token|auth|credentials?) )                       # on a command line
        (?P<between> ["']? \s* [:=] \s* ["']? (?:bearer\s+)? | (?<=--token)\s+ | (?<=--key)\s+ )
        (?P<value> [^\s"',;&}]{4,} )"""
)


def register(value: str) -> None:
    """Remember a secret value, so that `redact` removes it wherever it appears."""
    if len(value) >= _SHORTEST:
        _known.add(value)


def redact(text: str) -> str:
    """The text with every registered secret, and every value beside a name that means a secret, replaced by `***`.

    >>> register("sk-live-1234567")
    >>> redact("401 for sk-live-1234567, api_key=abcdefgh")
    '401 for ***, api_key=***'
    >>> redact("GET /v1?key=abcdefgh&page=2, monkey: banana, keyboard=qwerty, token count: 5000")
    'GET /v1?key=***&page=2, monkey: banana, keyboard=qwerty, token count: 5000'
    """
    text = redact_values(text)
    return _BY_NAME.sub(lambda match: f"{match['name']}{match['between']}***", text)


def redact_values(text: str) -> str:
    """The text with every registered secret replaced by `***`, and otherwise as it is.

    For what is kept raw: an answer that says "password: hunter2" is an answer.

    >>> register("sk-live-1234567")
    >>> redact_values("password: hunter2, key: sk-live-1234567")
    'password: hunter2, key: ***'
    """
    for value in sorted(_known, key=len, reverse=True) if _known else ():
        text = text.replace(value, "***")
    return text
