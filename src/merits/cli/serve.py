"""Serves the release that was decided on: OpenAI's endpoints, typed predictions and feedback, until it is told to stop.

Requests need an API key (`merits keys create`). Every answer is on disk before it is given, and goes to the live store;
another release, or a rolled back one, serves within about a second without a restart. Limits are the key `serve:` of
the task file; options go before it. Logs are lines of JSON on stderr.

example:  merits serve merits.yaml --port 8080 --workers 2
"""

from __future__ import annotations

import argparse
import dataclasses

from msgspec.structs import replace

from merits.cli.options import DEFAULT_TASK, add_live, must_be_named
from merits.cli.parsing import whole
from merits.core.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits serve`."""
    parser.add_argument(
        "task",
        nargs="?",
        default=DEFAULT_TASK,
        help=f"the task file, or the name of a task in the live store (default: {DEFAULT_TASK})",
    )
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=whole(0), metavar="N", help="the port (default: 8080; 0 takes a free one)")
    parser.add_argument("--workers", type=whole(1), metavar="N", help="processes that answer side by side (default: 1)")
    parser.add_argument("--no-keys", action="store_true", help="everybody who reaches the port may ask")
    parser.add_argument(
        "--allow-changed",
        action="store_true",
        help="serve it though its code or a library is another one here than when it was proved",
    )
    add_live(parser)


def run(args: argparse.Namespace) -> int:
    """0 once it was told to stop and all requests in flight were answered."""
    from merits import __version__
    from merits.production import gateway

    must_be_named(args.task)
    place = gateway.where(args.task, args.live)
    given = {name: getattr(args, name) for name in ("host", "port", "workers") if getattr(args, name) is not None}
    if args.no_keys:
        given["keys"] = False
    if args.allow_changed:
        given["allow_changed"] = True
    if given.get("port", 0) > 65535:
        raise UsageError(f"--port {given['port']} is no port.", "Ports are 0 to 65535.")
    place = dataclasses.replace(place, settings=replace(place.settings, **given), version=__version__)
    return gateway.serve(place, ready=lambda address: print(f"serving merits/{place.task} at {address}", flush=True))
