"""The bundled table: what providers charge for their models, collected from the package `genai-prices`.

Knows nothing about candidates. How it is made is in `collecting`; its data are under the licence beside it (MIT).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from merits.core.price import Price

__all__ = ["FILE", "Known", "KnownModel", "KnownProvider", "known"]

FILE = Path(__file__).with_name("known.json")
_OURS = {"xai": "x-ai"}  # what we call a provider, and what the table does
_COMPACT_DAY = re.compile(r"-(20\d\d)(\d\d)(\d\d)$")


class KnownModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model, the names it goes by (as a rule of matching), and its price."""

    id: str
    match: dict[str, Any]
    price: Price


class KnownProvider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider's models. Those of `falls_back_on` cost the same there; `address` is a pattern of its endpoint."""

    name: str
    address: str
    page: str = ""
    falls_back_on: tuple[str, ...] = ()
    models: tuple[KnownModel, ...] = ()

    def is_at(self, address: str) -> bool:
        """Whether an address may be its endpoint; `Known.at` says whether another one comes first."""
        return re.match(self.address, address) is not None


class Known(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The whole table. A provider is read when it is asked for.

    >>> price = known().price("openai", "gpt-4o-mini")
    >>> price.input_per_million, price.currency, price.source.startswith("genai-prices")
    (0.15, 'USD', True)
    >>> known().price("openai", "gpt-4o-minni") is None
    True
    """

    as_of: str
    source: str
    providers: dict[str, msgspec.Raw]

    def provider(self, name: str) -> KnownProvider | None:
        """A provider by our name for it or the table's; None when it is not there."""
        return self._read(_OURS.get(name, name))

    def price(self, provider: str, model: str) -> Price | None:
        """What a provider charges for a model, with date and source; None when that is not known."""
        own = self.provider(provider)
        if own is None:
            return None
        found = _find(own, model)
        if found is not None:
            return self._sourced(found.price, own)
        for name in own.falls_back_on:
            other = self.provider(name)
            if other is not None and (lent := _find(other, model)) is not None:
                return self._sourced(_without_services(lent.price), other)
        return None

    def model_id(self, provider: str, model: str) -> str:
        """The table's first name for a model; "" for one that it does not know.

        >>> known().model_id("openai", "gpt-4o-mini-2024-07-18")
        'gpt-4o-mini'
        """
        own = self.provider(provider)
        found = None if own is None else _find(own, model)
        return "" if found is None else found.id

    def models(self, provider: str) -> tuple[str, ...]:
        """The models of a provider, by their first names; () for one that is not there."""
        own = self.provider(provider)
        return () if own is None else tuple(model.id for model in own.models)

    def sellers(self, model: str) -> tuple[str, ...]:
        """The providers that sell a model of this name themselves."""
        return tuple(name for name in self.providers if (own := self._read(name)) is not None and _find(own, model))

    def at(self, address: str) -> str:
        """The provider whose endpoint an address is; "" for anybody else's.

        >>> known().at("https://api.openai.com/v1"), known().at("http://localhost:8000/v1")
        ('openai', '')
        """
        for name in self.providers:
            own = self._read(name)
            if own is not None and own.is_at(address):
                return name
        return ""

    def _read(self, name: str) -> KnownProvider | None:
        read: dict[str, KnownProvider] = self.__dict__.setdefault("read", {})
        if name not in read and name in self.providers:
            read[name] = msgspec.json.decode(self.providers[name], type=KnownProvider)
        return read.get(name)

    def _sourced(self, price: Price, provider: KnownProvider) -> Price:
        page = f", {provider.page}" if provider.page else ""
        return msgspec.structs.replace(price, as_of=self.as_of, source=f"{self.source}{page}")


@functools.cache
def known() -> Known:
    """The bundled table, read once."""
    return msgspec.json.decode(FILE.read_bytes(), type=Known)


def _find(provider: KnownProvider, model: str) -> KnownModel | None:
    names = dict.fromkeys((model.lower(), _COMPACT_DAY.sub(r"-\1-\2-\3", model.lower())))
    return next((one for name in names for one in provider.models if _matches(one.match, name)), None)


def _matches(rule: dict[str, Any], name: str) -> bool:
    """Whether a name obeys a rule; rules and their meaning are genai-prices' own."""
    ((kind, value),) = rule.items()
    if kind in _OF_PARTS:
        return _OF_PARTS[kind](_matches(part, name) for part in value)
    return _OF_TEXT[kind](name, value if kind == "regex" else str(value).lower())


_OF_PARTS: dict[str, Callable[[Iterable[bool]], bool]] = {"or": any, "and": all}
_OF_TEXT: dict[str, Callable[[str, str], bool]] = {
    "regex": lambda name, pattern: re.search(pattern, name) is not None,
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
}


def _without_services(price: Price) -> Price:
    """The price without what only the seller itself offers."""
    changes = tuple(msgspec.structs.replace(change, services={}) for change in price.changes)
    return msgspec.structs.replace(price, services={}, changes=changes)
