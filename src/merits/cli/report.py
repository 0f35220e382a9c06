"""The decision and the report again from what is stored, under the task's present needs and prices. Asks nothing.

example:  merits report --report for-the-board.html
"""

from __future__ import annotations

import argparse

from merits.cli.light import lighten
from merits.cli.options import add_json, add_store, add_task, found_task
from merits.cli.run import conclude

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits report`."""
    add_task(parser)
    add_store(parser)
    parser.add_argument("--report", metavar="PATH", help="where the HTML report goes (default: beside the task)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """The exit code of the decision, as of `merits run`."""
    lighten()
    from merits import flow
    from merits.report.drawings import painter

    with painter.apart():
        return conclude(flow.stored_run(found_task(args.task), store=args.store), args)
