"""The bundled table of prices, made anew from the package `genai-prices`: `python -m merits.prices.collecting`.

Bundled, because the package takes 0.4 s and 18 MB to be there; ours is read in milliseconds. Run by whoever releases
Merits, with the package in its newest version (the extra `prices`). What is charged beside tokens and calls (web
searches, hours of storage) is left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from merits.core.price import Price, PriceChange, Service, Tariff, Tier
from merits.prices.known import FILE, KnownModel, KnownProvider

__all__ = ["collected", "main"]

_KEYS = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache_read": ("cache_read_mtok",),
    "cache_write": ("cache_write_mtok",),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "reasoning": ("output_reasoning_mtok",),
    "audio": ("input_audio_mtok",),
    "audio_output": ("output_audio_mtok",),
    "image": ("input_image_mtok", "output_image_mtok"),
}
_SERVICES = (("batch", "processing"), ("flex", "service_tier"), ("priority", "service_tier"), ("fast", "service_tier"))
_EVER = date(1970, 1, 1)
_Prices = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Writes the table to the file named, or to the one that is bundled; 0."""
    target = Path(arguments[0]) if arguments else FILE
    target.write_bytes(collected(datetime.now(UTC).date()) + b"\n")
    print(f"{target}: {target.stat().st_size:,} bytes")  # noqa: T201
    return 0


def collected(today: date) -> bytes:
    """The table as JSON, as of the latest day that the package's data speak of."""
    from genai_prices import data

    days = {date(*map(int, found)) for found in re.findall(r"\b(20\d\d)-(\d\d)-(\d\d)\b", _comments(data.providers))}
    providers = {one.id: _provider(one) for one in data.providers}
    return msgspec.json.encode(
        {
            "as_of": max(day for day in days if day <= today).isoformat(),
            "source": f"genai-prices {version('genai-prices')}",
            "providers": {name: one for name, one in providers.items() if one.models or one.falls_back_on},
        }
    )


def _comments(providers: list[Any]) -> str:
    starts = (start for one in providers for model in one.models for start in _starts(model))
    said = (model.price_comments or "" for one in providers for model in one.models)
    return " ".join((*said, *(start.isoformat() for start in starts)))


def _provider(one: Any) -> KnownProvider:
    models = ((model, _price(model)) for model in one.models)
    return KnownProvider(
        name=one.name,
        address=one.api_pattern,
        page=(one.pricing_urls or [""])[0],
        falls_back_on=tuple(one.fallback_model_providers or ()),
        models=tuple(
            KnownModel(id=model.id, match=_clause(model.match), price=price)
            for model, price in models
            if price is not None
        ),
    )


def _clause(match: Any) -> dict[str, Any]:
    """A rule of matching as plain data: {"equals": "a"}, {"or": [...]}."""
    ((name, value),) = vars(match).items()
    return {name.rstrip("_"): [_clause(part) for part in value] if isinstance(value, list) else value}


def _starts(model: Any) -> Iterator[date]:
    conditions = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    for one in conditions:
        start = getattr(one.constraint, "start_date", None)
        if start is not None:
            yield start


def _price(model: Any) -> Price | None:
    changes = [change for day in sorted({_EVER, *_starts(model)}) for change in _from(model, day)]
    first, *later = _without_repeats(changes)
    price = Price(**_fields(first), changes=tuple(later))
    return None if price.is_fixed_only else price


def _without_repeats(changes: list[PriceChange]) -> list[PriceChange]:
    kept = changes[:1]
    for change in changes[1:]:
        if change.hours or kept[-1].hours or _fields(change) != _fields(kept[-1]):
            kept.append(change)
    return kept


def _fields(tariff: Tariff) -> dict[str, Any]:
    return {name: getattr(tariff, name) for name in Tariff.__struct_fields__}


def _from(model: Any, day: date) -> Iterator[PriceChange]:
    """What holds from a day on: at all hours first, then what takes precedence in some."""
    conditions = model.prices if isinstance(model.prices, list) else None
    if conditions is None:
        yield PriceChange(from_=day, **_tariff(model, day, model.prices))
        return
    whole = [n for n, one in enumerate(conditions) if _holds(one.constraint, day)]
    chosen = whole[-1] if whole else 0
    yield PriceChange(from_=day, **_tariff(model, day, conditions[chosen].prices))
    for one in conditions[chosen + 1 :]:
        if hasattr(one.constraint, "start_time"):
            hours = f"{one.constraint.start_time:%H:%M}-{one.constraint.end_time:%H:%M}"
            yield PriceChange(from_=day, hours=hours, **_tariff(model, day, one.prices))


def _holds(constraint: Any, day: date) -> bool:
    if constraint is None:
        return True
    start = getattr(constraint, "start_date", None)
    return start is not None and start <= day


def _tariff(model: Any, day: date, prices: Any) -> dict[str, Any]:
    standard = _known(prices)
    services = {name: _service(model, day, standard, key, name) for name, key in _SERVICES}
    calls = standard.get("requests_kcount")
    return {
        **_rates(standard, 0),
        "tiers": _tiers(standard),
        "services": {name: service for name, service in services.items() if service is not None},
        "per_call": None if calls is None else float(calls / 1000),
    }


def _known(prices: Any) -> _Prices:
    return {name: value for name, value in vars(prices).items() if value is not None and not name.startswith("_")}


def _service(model: Any, day: date, standard: _Prices, key: str, name: str) -> Service | None:
    own: _Prices = {}
    for variant in model.price_variants or ():
        if variant.when == {key: name} and _holds(variant.constraint, day):
            own = {**_known(variant.prices), **own}
    if not own:
        return None
    merged = {**standard, **own}
    return Service(**_rates(merged, 0), tiers=_tiers(merged))


def _tiers(prices: _Prices) -> tuple[Tier, ...]:
    starts = sorted({tier.start for value in prices.values() for tier in getattr(value, "tiers", ())})
    return tuple(Tier(above=start, **_rates(prices, start)) for start in starts)


def _rates(prices: Mapping[str, Any], above: int) -> dict[str, float]:
    """The rates of questions just longer than this. Of two kinds that we count as one: the rate of both."""
    found = {}
    for kind, keys in _KEYS.items():
        rates = {_rate(prices[key], above) for key in keys if key in prices}
        if len(rates) == 1:
            found[f"{kind}_per_million"] = float(rates.pop())
    return found


def _rate(price: Any, above: int) -> Decimal:
    rate = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if tier.start <= above and above:
            rate = tier.price
    return Decimal(rate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
