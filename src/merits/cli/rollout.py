"""Compares a release with the one that serves, on live traffic, and says what the outcomes allow: promote, stop, go on.

--challenger begins: in the shadow it answers silently, as a canary or in an A/B test for real, a share of the users.
--status may be asked at any time: the probability of ever promoting one that is worse by more than the margin, and of
ever taking back one that is not worse, is at most --alpha, however often one looks. --conclude does what it says, and
--watch looks until there is something to do: a challenger that is broken goes within seconds.

exit code 0 done, or promote; 1 roll back; 3 not known yet.

example:  merits rollout --challenger 2 --mode canary --share 0.1
          merits rollout --challenger 2 --mode shadow --dry-run
          merits rollout --status
          merits rollout --watch 10
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from merits.cli.next_steps import pasted
from merits.cli.options import add_alpha, add_json, add_live, add_reason, add_task, found_task, print_json
from merits.cli.parsing import number, share, whole
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.live import Rollout
    from merits.core.task import Task
    from merits.production.rolled_out import RolloutStatus

__all__ = ["arguments", "run"]

_EXITS = {"promote": 0, "roll back": 1, "go on": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits rollout`."""
    add_task(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--challenger", type=whole(1), metavar="N", help="the release to compare with the one that serves"
    )
    what.add_argument("--status", action="store_true", help="what the outcomes say so far (the default)")
    what.add_argument("--conclude", action="store_true", help="promote or take back, if the outcomes say so")
    what.add_argument(
        "--watch",
        type=number(0, 86_400),
        metavar="S",
        help="look every so many seconds; promote or take back once the outcomes say so, unasked, and end",
    )
    what.add_argument("--promote", action="store_true", help="the challenger serves from now on, whatever they say")
    what.add_argument("--stop", action="store_true", help="the challenger answers no more, whatever they say")
    parser.add_argument("--mode", choices=["shadow", "canary", "a/b"], default="canary", help="default: canary")
    parser.add_argument(
        "--share", type=share, metavar="S", help="of the requests (default: shadow 1, canary 0.1, a/b 0.5)"
    )
    parser.add_argument(
        "--margin",
        type=number(0, 1),
        default=0.02,
        metavar="M",
        help="the loss of quality a promotion may risk (default: 0.02)",
    )
    add_alpha(parser, "the chance of ever deciding wrongly")
    parser.add_argument(
        "--dearer", type=number(0, 100), metavar="X", help="the share by which it may cost more (default: any)"
    )
    parser.add_argument(
        "--users", action="store_true", help="count what users say, too: they correct what was wrong, mind you"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --challenger: say what it is likely to cost a day; nothing begins"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before it is promoted or taken back")
    add_reason(parser)
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 once it is done; of a status, what it says."""
    from merits.production import rolled_out

    if args.dry_run and args.challenger is None:
        raise UsageError(
            "--dry-run is about beginning: --challenger N.", "To look costs nothing: merits rollout --status"
        )
    task = found_task(args.task)
    if args.challenger is not None:
        begun = rolled_out.start_rollout(
            task,
            args.challenger,
            mode=args.mode,
            share=args.share,
            margin=args.margin,
            alpha=args.alpha,
            live=args.live,
            reason=args.reason,
            dry_run=args.dry_run,
        )
        if args.dry_run:
            return _foreseen(args, task, begun)
        return _said(args, begun, f"{_words(begun)}. Look at any time: merits rollout --status")
    if args.watch is not None:
        return _watched(args, task)
    if args.promote or args.stop or args.conclude:
        how: rolled_out.How = "promote" if args.promote else "stop" if args.stop else "as the evidence says"
        ask = _ask if sys.stdin.isatty() and not (args.yes or args.json) else None
        ended = rolled_out.conclude_rollout(
            task, how, ask=ask, live=args.live, dearer=args.dearer, users=args.users, reason=args.reason
        )
        if ended is not None:
            return _said(args, ended, f"merits/{task.name}@{ended.champion} serves from now on: {ended.reason}")
    status = rolled_out.rollout_status(task, live=args.live, dearer=args.dearer, users=args.users)
    if args.json:
        print_json("merits.rollout/1", {"rollout": status.rollout, "verdict": status.verdict})
    else:
        print("\n".join(_lines(status)))
    if status.rollout.challenger is None:
        return 0
    return 3 if status.verdict is None else _EXITS[status.verdict.verdict]


def _foreseen(args: argparse.Namespace, task: Task, rollout: Rollout) -> int:
    """0, once it is said what would begin, and what that is likely to cost."""
    from merits.production.rolled_out import rollout_cost

    cost = rollout_cost(task, rollout, live=args.live)
    if args.json:
        print_json("merits.rollout-plan/1", {"rollout": rollout, "cost": cost})
        return 0
    print(f"would begin: {_words(rollout)}.")
    answers = (
        f"{cost.n_requests:,} requests came in the last day; on one like it it gives {cost.n_answers:,.0f} answers"
    )
    if cost.spent is None:
        print(f"{answers}, and what they cost is not known: release {rollout.challenger} has no price.")
    else:
        less = "" if cost.saved is None else f", and release {rollout.champion} costs {cost.saved.text()} less"
        print(f"{answers} for {cost.spent.text()}{less}.")
    print("nothing has begun.", file=sys.stderr)
    return 0


def _watched(args: argparse.Namespace, task: Task) -> int:
    """0 where the challenger was promoted, 1 where it was taken back, by this or by somebody else."""
    from merits.core.errors import InfrastructureError
    from merits.production import rolled_out

    challenger = rolled_out.rollout_status(task, live=args.live).rollout.challenger
    while True:
        try:
            status = rolled_out.rollout_status(task, live=args.live, dearer=args.dearer, users=args.users)
            if status.rollout.challenger != challenger or challenger is None:
                break  # somebody else was faster
            said = status.verdict
            if said is not None and not args.json:
                print(said.text, file=sys.stderr)
            if said is not None and said.verdict != "go on":
                rolled_out.conclude_rollout(
                    task, live=args.live, dearer=args.dearer, users=args.users, reason=args.reason
                )
                break
        except InfrastructureError as problem:  # a store that is away comes back
            print(problem, file=sys.stderr)
        time.sleep(args.watch)
    now = rolled_out.rollout_status(task, live=args.live).rollout
    _said(args, now, f"merits/{task.name}@{now.champion} serves: {now.reason}")
    return 0 if challenger is None or now.champion == challenger else 1


def _said(args: argparse.Namespace, rollout: Rollout, text: str) -> int:
    if args.json:
        print_json("merits.rollout/1", {"rollout": rollout, "verdict": None})
    else:
        print(pasted(text, args))
    return 0


def _words(rollout: Rollout) -> str:
    if rollout.challenger is None:
        since = datetime.fromtimestamp(rollout.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"release {rollout.champion} serves alone since {since}: {rollout.reason}"
    how = {"shadow": "answers silently beside", "canary": "answers instead of", "a/b": "answers instead of"}
    promise = f"margin {100 * rollout.margin:g} points, ever wrong with at most {rollout.alpha:.0%}"
    who = f"release {rollout.challenger} {how.get(rollout.mode, 'beside')} {rollout.champion}"
    return f"{who} for {rollout.share:.0%} of the requests ({rollout.mode}; {promise})"


def _lines(status: RolloutStatus) -> list[str]:
    lines = [_words(status.rollout)]
    said = status.verdict
    if said is None:
        return lines if status.rollout.challenger is None else [*lines, "Not both have answered yet."]
    lines.append(
        f"{said.n_requests:,} requests compared; by {said.units}: {said.n_champion:,} and {said.n_challenger:,}"
    )
    for each in said.comparisons:
        known = "worse" if each.worse else "within the margin" if each.within else "not known yet"
        known = "" if each.name in ("latency", "cost") and each.within else known
        lines.append(f"  {each.name:13} {each.challenger.text()} against {each.champion.text()}  {known}".rstrip())
        lines.append(f"  {'':13} difference {each.difference}")
    if status.n_left_out:
        lines.append(
            f"of {status.n_left_out:,} requests only users spoke, who correct what was wrong: left out without --users"
        )
    return [*lines, f"{said.verdict}: {said.text}"]


def _ask(question: str) -> bool:
    print(f"{question}\nGo on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
