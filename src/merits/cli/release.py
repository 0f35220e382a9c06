"""Makes a release of what was decided: recipe, prices, what was learned, and what is promised, as one versioned unit.

What learns is trained exactly as for the test, kept beside the task (.merits/releases/), opened as a server would, and
asked test examples: it must say what it was judged by. Then it serves.

exit code 0 done, 1 where none is worth using, 3 where nothing is decided yet (--candidate names one all the same).

example:  merits release --fallback small --reason "first release"
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from merits.cli.light import lighten
from merits.cli.options import add_json, add_live, add_store, add_task, found_task, print_json
from merits.cli.parsing import whole

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
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who come later")
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
    parser.add_argument("--no-activate", action="store_true", help="make it, and let what serves now go on")
    parser.add_argument("--dry-run", action="store_true", help="say what would be released; nothing is written")
    add_store(parser)
    add_live(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0, once the release is made."""
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

        print("\n".join(release_text.lines(done.release, kept=done.folder is not None)))
        print("\n".join(_what_now(task, done, args)))
    return 0


def _as_data(done: Released) -> dict[str, object]:
    return {
        "release": done.release,
        "model": done.release.model,
        "folder": done.folder and str(done.folder),
        "verified": done.verified,
        "rollout": done.rollout,
        "notes": done.notes,
    }


def _what_now(task: Task, done: Released, args: argparse.Namespace) -> list[str]:
    if done.folder is None:
        return ["nothing was written (--dry-run)."]
    assert done.verified is not None
    said = [f"verified     {done.verified.text}", f"folder       {done.folder}"]
    for one in done.verified.differences[:3]:
        said.append(f"             {one.example}: {one.stored!r} when it was judged, now {one.now!r}")
    version = done.release.version
    if done.rollout is None:
        return [*said, f"It does not serve yet: merits rollback {args.task} --to {version}"]
    before = f", instead of {done.rollout.previous}" if done.rollout.previous is not None else ""
    return [*said, f"It serves from now on{before}: merits serve {args.task}"]
