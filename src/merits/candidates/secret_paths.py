"""Which parts of an address look like secrets: some gateways take their key in the path (`https://host/KEY/v1`)."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from merits.core.secrets import register

__all__ = ["hide_path", "hide_user", "looks_secret", "secrets_in_path"]

_NAMES_A_SECRET = re.compile(r"(?i)^(?:(?:api|access|auth)[-_]?)?(?:keys?|tokens?|secrets?|auth|credentials?)$")
_SAYS_SECRET = re.compile(r"(?i)(?<![a-z])(?:sk|pk|key|token|tok|secret|password|credential|ghp|xox[a-z])(?![a-z])")
_UUID = re.compile(r"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_SHORTEST_SAID = 10  # characters of a part that says that it is a secret
_SHORTEST_MIXED = 16  # of letters and digits without a break: names of models have breaks
_SHORTEST_LETTERS = 20
_FEWEST_TURNS = 6  # between small and capital letters


def secrets_in_path(url: str) -> list[str]:
    """The parts of an address's path that look like secrets.

    Those after a part that names one (`/key/...`), that say so themselves (`sk-...`), and long ones without order.

    >>> secrets_in_path("https://host/gpt-4o-mini-2024-07-18/deployments/v1")
    []
    >>> secrets_in_path("https://host/q8Rw2Kp9Lm4Rt8Vb3Nc6/token/hunter2/v1")
    ['q8Rw2Kp9Lm4Rt8Vb3Nc6', 'hunter2']
    """
    parts = urlsplit(url).path.split("/")
    return [part for before, part in zip(["", *parts], parts, strict=False) if part and _is_secret(before, part)]


def _is_secret(before: str, part: str) -> bool:
    if _NAMES_A_SECRET.match(before) or _UUID.match(part):
        return True
    if len(part) >= _SHORTEST_SAID and _SAYS_SECRET.search(part):
        return True
    return any(map(_has_no_order, re.split(r"[^A-Za-z0-9]+", unquote(part))))


def looks_secret(text: str) -> bool:
    """Whether a text looks like a key: it says so itself, or is long and without order.

    >>> looks_secret("sk-0123456789"), looks_secret("q8Rw2Kp9Lm4Rt8Vb3Nc6"), looks_secret("label")
    (True, True, False)
    """
    return _is_secret("", text)


def _has_no_order(piece: str) -> bool:
    if len(piece) >= _SHORTEST_MIXED and re.search("[0-9]", piece) and re.search("[A-Za-z]", piece):
        return True
    turns = len(re.findall("[a-z](?=[A-Z])|[A-Z](?=[a-z])", piece))
    return len(piece) >= _SHORTEST_LETTERS and turns >= _FEWEST_TURNS


def hide_path(url: str) -> None:
    """Registers what looks like a secret in an address's path, as it stands there and as it is meant."""
    for part in secrets_in_path(url):
        register(part)
        register(unquote(part))


def hide_user(url: str) -> None:
    """Registers an address's password, alone and behind its user, as they stand there and as they are meant.

    And a user who looks like a token.
    """
    parts = urlsplit(url)
    user, password = parts.username or "", parts.password or ""
    secrets = [password, f"{user}:{password}"] if password else []
    for secret in [*secrets, user] if _is_secret("", user) else secrets:
        register(secret)
        register(unquote(secret))
