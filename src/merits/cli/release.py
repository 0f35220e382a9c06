"""Makes a release of what was decided: recipe, prices, what was learned, and what is promised, as one versioned unit.

What learns is trained exactly as for the test, kept beside the task (.merits/releases/), opened as a server would, and
asked test examples: it must say what it was judged by. Then it serves. --activate lets one that was made before serve.

exit code 0 done, 1 where none is worth using, 3 where nothing is decided yet (--candidate names one all the same).

example:  merits release --fallback small --reason "first release"
          merits release --no-activate && merits release --activate 2
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from merits.cli.light import lighten
from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_quiet, add_reason, add_store, add_task, found_task, print_json
from merits.cli.parsing import whole
from merits.cli.rollback import say_what_serves
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.task import Task
    from merits.production.released import Released

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits release`."""
    add_task(parser)
    parser.add_argument("--candidate", default="", metavar="NAME", help="this one, whatever was decided")
    parser.add_argument(
        "--fallback", action="append", default=[], metavar="NAME", help="asked where it cannot be (again for several)"
    )
    add_reason(parser)
    parser.add_argument(
        "--with",
        dest="files",
        action="append",
        default=[],
        metavar="FILE",
        help="a file or folder beside the task that its code reads (again for several)",
    )
    parser.add_argument(
        "--verify",
        type=whole(0),
        metavar="N",
        help="ask it N test examples (default: 50; 0 where answers are paid for)",
    )
    serving = parser.add_mutually_exclusive_group()
    serving.add_argument("--no-activate", action="store_true", help="make it, and let what serves now go on")
    serving.add_argument(
        "--activate", type=whole(1), metavar="N", help="make none: release N, made before, serves from now on"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be released; nothing is written")
    add_store(parser)
    add_live(parser)
    add_quiet(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0, once the release is made, or serves."""
    if args.activate is not None:
        return _activated(args)
    lighten()
    from merits.production import released

    task = found_task(args.task)
    quiet = args.quiet or args.json
    done = released.release(
        task,
        candidate=args.candidate,
        fallbacks=args.fallback,
        store=args.store,
        live=args.live,
        reason=args.reason,
        files=args.files,
        verify=args.verify,
        activate=not args.no_activate,
        dry_run=args.dry_run,
        note=(lambda text: None) if quiet else (lambda text: print(text, file=sys.stderr)),
    )
    if args.json:
        print_json("merits.release/1", _as_data(done))
    else:
        from merits.report import release_text

        said = release_text.lines(done.release, kept=done.folder is not None)
        print("\n".join([*said, *release_text.learned(done.learned)]))
        print(pasted("\n".join(_what_now(task, done, args)), args))
    return 0


def _activated(args: argparse.Namespace) -> int:
    from merits.production import released

    making = {
        "--candidate": args.candidate,
        "--fallback": args.fallback,
        "--with": args.files,
        "--dry-run": args.dry_run,
    }
    given = [option for option, value in making.items() if value] + (["--verify"] if args.verify is not None else [])
    if given:
        raise UsageError(
            f"--activate makes no release, and {given[0]} is about making one.", f"Leave out {given[0]}, or --activate."
        )
    task = found_task(args.task)
    rollout = released.activate(task, args.activate, live=args.live, reason=args.reason)
    say_what_serves(task, rollout, "merits.activated/1", args)
    return 0


def _as_data(done: Released) -> dict[str, object]:
    return {
        "release": done.release,
        "model": done.release.model,
        "folder": done.folder and str(done.folder),
        "verified": done.verified,
        "rollout": done.rollout,
        "notes": done.notes,
        "learned": done.learned,
    }


def _has_key(task: Task, live: str | None) -> bool:
    """Whether anybody may ask."""
    from merits.opening import opened_live

    with opened_live(live, task) as memory:
        keys = memory.keys()
    return any(key.revoked_at is None for key in keys)


def _what_now(task: Task, done: Released, args: argparse.Namespace) -> list[str]:
    if done.folder is None:
        return ["nothing was written (--dry-run)."]
    from merits.production import released

    assert done.verified is not None
    said = [f"verified     {done.verified.text}", f"folder       {done.folder}"]
    for one in done.verified.differences[:3]:
        said.append(f"             {one.example}: {one.stored!r} when it was judged, now {one.now!r}")
    version = done.release.version
    if done.rollout is None:
        said.append(f"It does not serve yet: merits release --activate {version}")
        if released.releases(task, live=args.live)[1] is not None:
            said.append(f"Or beside the one that serves, until it won: merits rollout --challenger {version}")
        return said
    before = f", instead of {done.rollout.previous}" if done.rollout.previous is not None else ""
    said.append(f"It serves from now on{before}: merits serve")
    if task.serve.keys and not _has_key(task, args.live):
        said.append("Whoever asks needs a key: merits keys create --name ME")
    return said
