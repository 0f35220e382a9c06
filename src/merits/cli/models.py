"""Lists the models that an endpoint offers, as a candidate may name them, with their price where that is known.

example:  merits models --provider mistral
          merits models --base-url http://localhost:8000/v1
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.price import Price

__all__ = ["arguments", "run"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits models`."""
    parser.add_argument("--provider", default="openai", help="whose endpoint and key (default: openai)")
    parser.add_argument("--base-url", default="", metavar="URL", help="the endpoint up to /v1")
    parser.add_argument("--match", default="", metavar="TEXT", help="only models whose name holds this")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the models; 0."""
    from msgspec.structs import asdict

    from merits.candidates.environment import environment
    from merits.candidates.offered import offered
    from merits.candidates.providers import PROVIDERS, Dialect, Endpoint
    from merits.candidates.registry import LoadContext
    from merits.core.validate import did_you_mean

    if args.provider not in PROVIDERS:
        raise UsageError(f"no provider is named {args.provider!r}.", did_you_mean(args.provider, PROVIDERS))
    env = environment(LoadContext(folder=Path()))
    dialect: Dialect = "anthropic" if args.provider == "anthropic" else "openai"
    endpoint = Endpoint(args.provider, args.base_url, env, dialect=dialect)
    found = [each for each in asyncio.run(offered(endpoint)) if args.match.casefold() in each.id.casefold()]
    priced = _priced(endpoint.base_url, [each.id for each in found])
    if args.json:
        models = [{**asdict(each), "price": priced.get(each.id)} for each in found]
        print_json("merits.models/1", {"base_url": endpoint.base_url, "models": models})
        return 0
    width = max((len(each.id) for each in found), default=0)
    for each in found:
        price = priced.get(each.id)
        about = (each.name if each.name != each.id else "", each.owner, each.created, _shown(price) if price else "")
        print(_CONTROL.sub("", f"{each.id:{width}}  {', '.join(filter(None, about))}").rstrip())
    return 0


def _priced(base_url: str, names: Sequence[str]) -> dict[str, Price]:
    """The bundled prices, where the address is that of a provider whose prices are known."""
    from merits.prices.known import known

    provider = known().at(base_url)
    found = {name: known().price(provider, name) for name in names} if provider else {}
    return {name: price for name, price in found.items() if price is not None}


def _shown(price: Price) -> str:
    rates = (("in", price.input_per_million), ("out", price.output_per_million))
    said = ", ".join(f"{rate:g} {name}" for name, rate in rates if rate is not None)
    return f"{price.currency} per million tokens: {said}" if said else ""
