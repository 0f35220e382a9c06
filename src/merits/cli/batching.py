"""The options of batches, and what to say before they are submitted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from merits.cli.parsing import number
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.batching import Batching
    from merits.core.racing import Racing
    from merits.core.task import Task

__all__ = ["add_batch", "batching_of", "in_batches", "said_before"]

_LEAST_IN_ROUND = 256  # a round of a race is a batch, and each batch takes hours


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Adds --batch, --no-wait and --poll."""
    group = parser.add_argument_group("batches")
    group.add_argument(
        "--batch",
        action="store_true",
        help="put the questions to OpenAI and Anthropic as batches: about half the price, answers within a day; other "
        "candidates are asked as usual, and there is no race unless --race asks for one",
    )
    group.add_argument(
        "--no-wait",
        action="store_true",
        help="submit, collect what is ready, and end (exit 3 while answers are on their way; the same command goes on)",
    )
    group.add_argument(
        "--poll", type=number(0), metavar="SECONDS", help="how often to look after the batches (default: 60)"
    )


def batching_of(args: argparse.Namespace) -> Batching | None:
    """How questions are put into batches; None when they are not. UsageError for options that contradict each other."""
    from merits.core.batching import Batching

    if not args.batch:
        for given, name in ((args.no_wait, "--no-wait"), (args.poll is not None, "--poll")):
            if given:
                raise UsageError(f"{name} is about batches.", f"Add --batch, or leave {name} out.")
        return None
    if args.ask == "nothing":
        raise UsageError("--offline asks nothing, and --batch asks.", "Leave one of them out.")
    return Batching(wait=not args.no_wait, poll_s=60.0 if args.poll is None else args.poll)


def in_batches(race: Racing | None) -> Racing | None:
    """The race with rounds that are worth a batch.

    >>> from merits.core.racing import Racing
    >>> raced = in_batches(Racing(at_once=8))
    >>> raced and raced.at_once
    256
    """
    import msgspec

    return None if race is None else msgspec.structs.replace(race, at_once=max(race.at_once, _LEAST_IN_ROUND))


def said_before(task: Task, race: Racing | None) -> Iterator[str]:
    """What whoever submits batches should know."""
    from merits import flow
    from merits.deciding.metrics import QUANTILES

    if race is None and len(task.candidates) > 1 and flow.costs_money(task):
        yield "every candidate is asked everything: batches answer in hours, so they race only with --race"
    for requirement in task.needs.requirements:
        if requirement.metric in QUANTILES:
            yield f"{requirement.text or requirement.metric}: not known from batches, whose answers come when they come"
