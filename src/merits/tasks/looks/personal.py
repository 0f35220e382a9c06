"""Finds personal data in texts: addresses, numbers that identify somebody, each checked where it carries a check.

Own patterns with their check digits, not Presidio: that needs a language model to find names, which is a download, and
without one its recognisers are these same patterns, with 150 MB of packages around them. Names of people are not found.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["KINDS", "personal_data"]

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])")
# An international number, or one of North America in its usual form; digits alone could be anything.
_PHONE = re.compile(r"(?<![\w+.-])(?:\+\d[\d ()/.-]{6,18}\d|\(?\d{3}\)?[ .-]\d{3}[.-]\d{4})(?![\w-])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_EXAMPLES = re.compile(r"(?i)@(?:[\w-]+\.)*example\.(?:com|org|net|edu)$|@[\w.-]+\.(?:test|invalid|localhost|example)$")
_CARD_STARTS = ("4", "51", "52", "53", "54", "55", "2", "34", "37", "6", "30", "36", "38", "35")
_LONGEST = 100_000  # characters of a text


@dataclass(frozen=True)
class _Kind:
    name: str
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool]
    must_hold: str = ""  # a character without which there is none: most texts are passed over at once


def luhn(digits: str) -> bool:
    """Whether digits end in the check digit of Luhn (ISO/IEC 7812-1), as the numbers of payment cards do.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether a text is a bank account number with right check digits (ISO 13616; modulo 97 by ISO 7064).

    >>> iban("DE89 3704 0044 0532 0130 00"), iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = re.sub(r"[ -]", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return digits.startswith(_CARD_STARTS) and len(set(digits)) > 1 and luhn(digits)


def _address(text: str) -> bool:
    """Whether it is the address of a machine in the internet: private and documentation ranges are nobody's."""
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2


_KINDS = (
    _Kind("e-mail address", _EMAIL, lambda text: not _EXAMPLES.search(text), "@"),
    _Kind("bank account (IBAN)", _IBAN, iban),
    _Kind("payment card", _CARD, _card),
    _Kind("IP address", _IPV4, _address, "."),
    _Kind("IP address", _IPV6, _address, ":"),
    _Kind("social security number (US)", _SSN, lambda text: True, "-"),
    _Kind("telephone number", _PHONE, _phone),
)
KINDS = tuple(dict.fromkeys(kind.name for kind in _KINDS))
"""What is looked for."""


def personal_data(text: str) -> Mapping[str, int]:
    """How often each sort of personal data stands in a text; {} where there is none. What is found is never returned.

    E-mail addresses, IBAN and card numbers whose check digits are right, public IP addresses, telephone numbers in
    international or North American form, US social security numbers. A number is counted once, as the first of these.
    Not names, streets or dates of birth. A number that passes a check by chance is counted too (1 of 10 for cards).

    >>> personal_data("Write to ann@firm.com or call +49 30 901820, card 4111-1111-1111-1111, id 4111111111111112")
    {'e-mail address': 1, 'payment card': 1, 'telephone number': 1}
    """
    text = text[:_LONGEST]
    has_digit = any(map(str.isdigit, text)) if "@" not in text else True
    if not has_digit:
        return {}
    counts: Counter[str] = Counter()
    for kind in _KINDS:
        if kind.must_hold and kind.must_hold not in text:
            continue
        found = [match.span() for match in kind.pattern.finditer(text) if kind.is_one(match[0])]
        if found:
            counts[kind.name] += len(found)
            text = _without(text, found)
    return dict(counts)


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + "\x00" * (end - start) + text[end:]
    return text
