"""Trains a candidate again on what production has labelled since, and says whether it is better, by how much, and still
as good on the old test. What is better becomes a release that must win before it serves.

Learns from requests whose content was kept and whose label came; the newest are kept apart to test on. Where asking it
costs money, it says how much before, and asks from 1 USD on.

exit code 0 better, 1 better but certainly worse on the old test, 3 not shown.

example:  merits retrain --since 30d --dry-run
          merits retrain --since 30d --shadow 1.0
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from merits.cli.light import lighten
from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_quiet, add_reason, add_store, add_task, found_task, print_json
from merits.cli.parsing import share
from merits.cli.spending import confirmation
from merits.core.errors import UsageError
from merits.core.spans import span_s

if TYPE_CHECKING:
    from merits.production.retrained import Retrained

__all__ = ["arguments", "run", "since_of"]

EXITS = {"better": 0, "worse on the old test": 1, "not shown": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits retrain`."""
    add_task(parser)
    parser.add_argument("--candidate", default="", metavar="NAME", help="who is trained (default: who serves)")
    parser.add_argument("--since", metavar="WHEN", help="only what was served since: 30d, 12h, 2026-11-01")
    parser.add_argument(
        "--hold-out", type=share, default=0.3, metavar="SHARE", help="of the fresh cases, the newest to test on"
    )
    parser.add_argument(
        "--despite-old-test", action="store_true", help="the old test speaks of a world that is gone: do not heed it"
    )
    parser.add_argument(
        "--cold", action="store_true", help="train from nothing, not on from what the release that serves had learned"
    )
    parser.add_argument(
        "--users", action="store_true", help="corrections by users, too: they speak of what was wrong, mind you"
    )
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument(
        "--shadow", type=share, metavar="SHARE", help="what is better answers so many requests too, silently"
    )
    beside.add_argument(
        "--canary", type=share, metavar="SHARE", help="what is better answers so many requests in the other's stead"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether so much is to be spent")
    add_reason(parser)
    parser.add_argument("--dry-run", action="store_true", help="train and compare, and make no release")
    add_store(parser)
    add_live(parser)
    add_quiet(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 where it is better, 1 where it is certainly worse on the old test, 3 where nothing is shown."""
    lighten()
    from merits.production.retrained import retrain

    task = found_task(args.task)
    part = args.shadow if args.shadow is not None else args.canary
    quiet = args.quiet or args.json
    done = retrain(
        task,
        candidate=args.candidate,
        live=args.live,
        store=args.store,
        since=since_of(args.since, time.time()) if args.since else 0.0,
        hold_out=args.hold_out,
        despite_old=args.despite_old_test,
        cold=args.cold,
        dry_run=args.dry_run,
        mode=None if part is None else "shadow" if args.shadow is not None else "canary",
        share=part or 0.0,
        users=args.users,
        reason=args.reason,
        confirm=confirmation(args, None),
        note=(lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr)),
    )
    if args.json:
        print_json("merits.retrain/1", _as_data(done))
    else:
        print(pasted("\n".join(_lines(done, args)), args))
    return EXITS[done.outcome]


def since_of(text: str, now: float) -> float:
    """The moment (UNIX seconds) that is meant: so long ago, or a date with or without a time (UTC).

    >>> since_of("2 d", 1_000_000.0), since_of("1970-01-02", 0.0)
    (827200.0, 86400.0)
    """
    span = span_s(text)
    if span is not None:
        return now - span
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--since {text!r} is no time.", "Write 30d, 12h, or a date: 2026-11-01") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_data(done: Retrained) -> dict[str, object]:
    return {
        "outcome": done.outcome,
        "text": done.text,
        "how": done.how,
        "went_on_from": done.went_on_from,
        "old": done.old.name,
        "new": done.new.name,
        "learned": len(done.fresh.taught),
        "tested": len(done.fresh.tested),
        "known_already": done.fresh.n_known,
        "of_no_label": done.fresh.n_strange,
        "on_fresh": done.on_fresh,
        "fresh_change": done.fresh_change.difference,
        "old_change": done.old_change.difference,
        "release": None if done.released is None else done.released.release,
        "rollout": done.rollout,
    }


def _lines(done: Retrained, args: argparse.Namespace) -> list[str]:
    fresh = done.fresh
    lines = [f"{done.how}.", done.text]
    for n, why in ((fresh.n_known, "are in the task already"), (fresh.n_strange, "have a label that is none")):
        if n:
            lines.append(f"{n:,} fresh cases are left out: they {why}.")
    if done.released is None:
        return [*lines, "nothing was released (--dry-run)."] if args.dry_run else lines
    version = done.released.release.version
    if done.rollout is None:
        lines += [
            f"release {version} is made, and serves nobody yet.",
            f"Beside the one that serves, until it won: merits rollout --challenger {version}",
        ]
    else:
        lines += [
            f"release {version} answers {done.rollout.share:.0%} of the requests ({done.rollout.mode}).",
            "What its outcomes say, at any time: merits rollout --status",
        ]
    return lines
