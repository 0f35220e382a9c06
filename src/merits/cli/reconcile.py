"""Compares what was counted with a provider's bill, by model and day, and says what may explain a difference.

The bill is a CSV file: OpenAI's or Anthropic's export of usage or cost, or any table with a day, a model, and a cost,
calls or tokens. Only what this task asked is counted, so a bill of a key that others use will show more.

exit code 0 where each model's money (or tokens, where the bill holds no money) agrees, 1 where it does not.

example:  merits reconcile costs.csv --tolerance 0.005
"""

from __future__ import annotations

import argparse

from merits.cli.options import DEFAULT_TASK, add_json, add_store, console, found_task, print_json
from merits.cli.parsing import number
from merits.core.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits reconcile`."""
    parser.add_argument("invoice", metavar="BILL", help="the bill, a CSV file")
    parser.add_argument("task", nargs="?", default=DEFAULT_TASK, help=f"the task file (default: {DEFAULT_TASK})")
    parser.add_argument(
        "--tolerance",
        type=number(0, closed=True),
        default=0.01,
        metavar="SHARE",
        help="what may differ (default: 0.01, one percent)",
    )
    parser.add_argument("--columns", default="", metavar="KEY=NAME,...", help="columns of other names: cost=Betrag")
    add_store(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 where the bill agrees with what was counted, 1 where it does not."""
    from merits import flow

    if not 0.0 <= args.tolerance < 1.0:
        raise UsageError(f"--tolerance is a share from 0 to 1, not {args.tolerance:g}.", "0.01 is one percent.")
    found = flow.reconciled(
        found_task(args.task),
        args.invoice,
        columns=_columns(args.columns),
        tolerance=args.tolerance,
        store=args.store,
    )
    if args.json:
        print_json("merits.reconcile/1", found)
    else:
        from merits.report import reconciliation

        reconciliation.render(found, console())
    return 0 if found.agrees else 1


def _columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for key, equals, name in pairs:
        if not equals or not name.strip():
            raise UsageError(f"--columns: {key!r} says no column.", "Write it like cost=Betrag,day=Datum.")
    return {key.strip(): name.strip() for key, _, name in pairs}
