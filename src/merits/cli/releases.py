"""Lists the releases of a task, and which of them serves.

example:  merits releases
"""

from __future__ import annotations

import argparse

from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_task, found_task, print_json
from merits.cli.parsing import whole
from merits.core.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits releases`."""
    add_task(parser)
    parser.add_argument("--show", type=whole(1), metavar="N", help="all that is known of one of them")
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0, also where there is none yet."""
    from merits.production import released
    from merits.report import release_text

    task = found_task(args.task)
    made, rollout = released.releases(task, live=args.live)
    if args.show is not None:
        made = [one for one in made if one.version == args.show]
        if not made:
            raise UsageError(f"{task.name!r} has no release {args.show}.", "merits releases lists them.")
    if args.json:
        print_json("merits.releases/1", {"releases": made, "rollout": rollout})
    elif not made:
        print(pasted(f"{task.name} has no release yet. Make one: merits release", args))
    elif args.show is not None:
        from merits.serving.package import learned_in

        parts = learned_in(made[0], released.releases_folder(task) / str(args.show))
        print("\n".join([*release_text.lines(made[0]), *release_text.learned(parts)]))
    else:
        print("\n".join(release_text.listed(made, rollout)))
    return 0
