"""What a model costs on a day, as far as Merits knows: rates, tiers, batches, source and date. Asks nobody.

Without a model it lists the providers, or one provider's models. Prices of your own (a recipe's `price:`, the task's
`prices:` table) go before these.

example:  merits prices gpt-4o-mini --provider openai --on 2026-11-01
"""

from __future__ import annotations

import argparse
import datetime

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits prices`."""
    parser.add_argument("model", nargs="?", default="", help="the model, as its provider writes it")
    parser.add_argument("--provider", default="", metavar="NAME", help="only at this provider")
    parser.add_argument("--on", metavar="DATE", help="the day of the price, 2026-11-01 (default: today, UTC)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0; UsageError (2) where no such price is known."""
    from merits.prices.quotes import quotes, sellers_and_models

    if not args.model:
        return _list(sellers_and_models(args.provider), args)
    found = quotes(args.model, args.provider, on=_day(args.on))
    if args.json:
        print_json("merits.prices/1", {"quotes": found})
        return 0
    from merits.report.plain import clean
    from merits.report.price_list import price_list

    print(clean("\n\n".join(price_list(quote) for quote in found)))
    return 0


def _list(models: dict[str, tuple[str, ...]], args: argparse.Namespace) -> int:
    if args.json:
        print_json("merits.price-list/1", {"models": models})
    elif args.provider:
        print("\n".join(models[args.provider]))
    else:
        print("\n".join(f"{name:<26}{len(known):>5} models" for name, known in models.items()))
    return 0


def _day(text: str | None) -> datetime.date:
    if text is None:
        return datetime.datetime.now(datetime.UTC).date()
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--on {text!r} is no date.", "Write it like 2026-11-01.") from None
