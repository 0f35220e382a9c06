"""Prints why the decision is what it is: every step of the rule with its numbers and where each is from.

It decides again from what is stored, under the task's present needs and prices, as `merits report` does, and asks
nothing; where the last `merits run` said something else, it says so. With --stored it explains what that run decided.

example:  merits explain-decision --candidate text-linear
"""

from __future__ import annotations

import argparse
import sys

from merits.cli.options import add_json, add_store, add_task, found_task, print_json

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits explain-decision`."""
    add_task(parser)
    parser.add_argument("--candidate", metavar="NAME", default="", help="only the evidence that speaks of this one")
    parser.add_argument("--stored", action="store_true", help="explain the decision of the last run as it was made")
    add_store(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the chain of reasoning; 0 whatever the verdict is."""
    from merits import flow
    from merits.report import explanation

    found = flow.explained(found_task(args.task), store=args.store, stored=args.stored, candidate=args.candidate)
    if args.json:
        print_json(explanation.SCHEMA, found)
    else:
        sys.stdout.write(explanation.text(found))
    return 0
