"""What a run may spend: the options, what is said before it, and when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.racing import Budget
    from merits.evaluating import Plan

__all__ = ["add_spending", "budget_of", "confirmation", "foretold"]

_ASK_FROM = 1.0  # of the currency, where no budget says how much is meant to be spent


def add_spending(parser: argparse.ArgumentParser) -> None:
    """Adds --budget and --yes."""
    parser.add_argument(
        "--budget", metavar="AMOUNT", help="spend no more than '5 USD', '2000 calls', '1M tokens' or '10 minutes'"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether so much is to be spent")


def budget_of(args: argparse.Namespace) -> Budget | None:
    """The budget that was given; None without one."""
    from merits.core.racing import Budget

    return Budget.of(args.budget) if args.budget else None


def foretold(plan: Plan) -> str:
    """What a plan is likely to cost, in a sentence; "" where nothing is known or nothing is paid."""
    forecast = plan.forecast
    if forecast is None or not forecast.parts:
        return ""
    said = [f"predicted: {forecast}"] if str(forecast) else []
    if forecast.unpriced:
        said.append(f"no price is known of {', '.join(forecast.unpriced)}")
    return "; ".join(said)


def confirmation(args: argparse.Namespace, budget: Budget | None) -> Callable[[Plan], None]:
    """What to call with the plan before anything is asked: says what it is likely to cost, and asks from 1 USD on.

    Where a budget of money was given, it asks from that on. Without a terminal it raises UsageError instead of asking.
    """

    def confirm(plan: Plan) -> None:
        said = foretold(plan)
        if said and not args.quiet and not args.json:
            print(said, file=sys.stderr)
        most = 0.0 if plan.forecast is None or plan.forecast.cost is None else plan.forecast.cost.high or 0.0
        limit = budget.amount if budget is not None and budget.is_money else _ASK_FROM
        if args.yes or most <= limit:
            return
        _ask(most, plan, budget)

    return confirm


def _ask(most: float, plan: Plan, budget: Budget | None) -> None:
    more = f" The budget of {budget} would end it before." if budget is not None and budget.is_money else ""
    if not sys.stdin.isatty():
        currency = "" if plan.forecast is None else plan.forecast.currency
        step = "set a limit: --budget '5 USD'" if budget is None else "set a larger one"
        raise UsageError(
            f"this may cost up to {most:,.3g} {currency}.{more} Nothing was asked.", f"Agree with --yes, or {step}."
        )
    print(f"{more.strip()} Go on? [y/N] ".lstrip(), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not agreed to, so nothing was asked.", "Set a limit: --budget '5 USD'.")
