"""The one choke point that keeps secrets out of everything that is written or shown.

Whoever reads a secret (an API key from the environment) registers it here; every text that came from outside
(a provider's error, a traceback, a log line) passes through `redact` before it is stored or printed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

__all__ = ["redact", "redact_values", "register", "shown", "shown_values"]

_known: list[str] = []  # longest first
_SHORTEST = 6  # shorter values would redact ordinary words
_PLACEHOLDERS = frozenset({
    "anything", "dummy-key", "llama.cpp", "lm-studio", "lmstudio", "localhost", "no-key", "no-key-needed",
    "no-key-required", "not-needed", "not-required", "nothing", "ollama", "openai", "placeholder",
    "sk-no-key-required", "unused", "your-api-key",
})  # fmt: skip
_LONGEST_READ = 65_536  # of a text that is shown in part
_LEAST_DROPPED = 64  # characters before a cut at _LONGEST_READ: a name that means a secret, and the start of its value
_BY_NAME = re.compile(
    r"""(?ix) (?P<name> authorization | (?:x-)?api[-_]?key | (?:secret|passwd|password|access[-_]?token)
            | (?<=[?&]) (?:key|sig|signature|token|auth|credentials?)   # in an address
            | --(?:key|token|auth|credentials?) )                       # on a command line
        (?P<between> ["']? \s* [:=] \s* ["']? (?:bearer\s+)? | (?<=--token)\s+ | (?<=--key)\s+ )
        (?P<value> [^\s"',;&}]{4,} )"""
)


def register(value: str) -> None:
    """Remember a secret value, so that `redact` removes it wherever it appears, also as addresses, JSON and base64
    write it. What people write where no key is needed is no secret: taken out of a record it would break it.

    >>> register("ollama")
    >>> redact_values('{"provider": "ollama"}')
    '{"provider": "ollama"}'
    """
    if len(value) >= _SHORTEST and value not in _known and value.lower() not in _PLACEHOLDERS:
        _known.extend(form for form in _forms(value) if form not in _known)
        _known.sort(key=len, reverse=True)


def _forms(value: str) -> set[str]:
    """The value as it stands in texts, addresses, JSON and base64.

    >>> "a%20secret" in _forms("a secret"), "a/b%2Bsecret" in _forms("a/b+secret"), "c2VjcmV0" in _forms("secret")
    (True, True, True)
    """
    escaped = {quote(value), quote(value, safe=""), quote_plus(value)}
    escaped |= {re.sub("%..", lambda escape: escape[0].lower(), form) for form in escaped}
    plain = {value, json.dumps(value)[1:-1], *escaped}
    return {form for form in plain | _in_base64(value.encode("utf-8", "replace")) if len(form) >= _SHORTEST}


def _in_base64(value: bytes) -> set[str]:
    """The characters that the value alone decides, after 0, 1 or 2 other bytes ("user:key" behind "Basic ")."""
    found = set()
    for n_before in range(3):
        whole = base64.b64encode(b"\0" * n_before + value).decode()
        core = whole[-(-8 * n_before // 6) : (n_before + len(value)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


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
    for value in _known:
        text = text.replace(value, "***")
    return text


def shown(text: str | bytes, longest: int) -> str:
    """The redacted start of a text that came from outside, in at most `longest` characters, for messages and reasons.

    Redacts before it cuts: the start of a secret that a cut leaves is known to nobody, and would stay.

    >>> register("sk-live-1234567")
    >>> shown(b"401 for sk-live-1234567", 15), shown("401 for sk-live-1234567", 9)
    ('401 for ***', '401 for *')
    """
    return _start(text, longest, redact)


def shown_values(text: str, longest: int) -> str:
    """The start of a text from which only registered secrets are taken out, in at most `longest` characters.

    >>> register("sk-live-1234567")
    >>> shown_values("password: hunter2, key: sk-live-1234567", 25)
    'password: hunter2, key: *'
    """
    return _start(text, longest, redact_values)


def _start(text: str | bytes, longest: int, redacting: Callable[[str], str]) -> str:
    read = text[:_LONGEST_READ]
    clean = redacting(read if isinstance(read, str) else read.decode(errors="replace"))
    if len(text) > _LONGEST_READ:  # this cut came first: what it may have cut is dropped
        clean = clean[: -max(_LEAST_DROPPED, len(_known[0]) if _known else 0)]
    return clean[:longest]
