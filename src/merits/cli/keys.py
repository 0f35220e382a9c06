"""The API keys of a served task: create shows a new one, once; rotate replaces one, revoke ends it, list shows all.

Only hashes are kept. Running servers follow within about a second.

example:  merits keys create --name shop --per-minute 600 --budget "50 USD"
          merits keys rotate shop
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from merits.cli.next_steps import pasted
from merits.cli.options import DEFAULT_TASK, add_json, add_live, console, must_be_named, print_json
from merits.cli.parsing import number, whole
from merits.core.errors import UsageError
from merits.core.live import SCOPES, ApiKey

__all__ = ["arguments", "run"]

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z]{3})?")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits keys`."""
    parser.add_argument("what", choices=["create", "list", "rotate", "revoke"], help="what to do")
    parser.add_argument("key", nargs="?", default="", help="the id or the name of a key, for rotate and revoke")
    parser.add_argument(
        "--task", default=DEFAULT_TASK, metavar="TASK", help=f"task file or name (default: {DEFAULT_TASK})"
    )
    group = parser.add_argument_group("for create")
    group.add_argument("--name", default="", help="who it is for")
    group.add_argument("--scope", action="append", choices=SCOPES, help="what it may do (default: predict, feedback)")
    group.add_argument(
        "--only-task", action="append", default=[], metavar="NAME", help="only for this task (again for several)"
    )
    group.add_argument("--per-minute", type=whole(1), metavar="N", help="requests a minute at most")
    group.add_argument("--budget", metavar="MONEY", help="money a calendar month at most: 50 USD")
    group.add_argument("--days", type=number(0), metavar="N", help="it ends after so many days")
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0."""
    from merits.production import gateway

    must_be_named(args.task)
    place = gateway.where(args.task, args.live)
    with gateway.open_keys(place) as store:
        if args.what == "list":
            _list(gateway.keys_of(store), args)
            return 0
        if args.what == "create":
            _created(gateway.new_key(store, _made(args)), args)
            _note_unknown(args.only_task, store.tasks())
            return 0
        if not args.key:
            raise UsageError(f"say which key to {args.what}.", "Its id or its name: merits keys list")
        if args.what == "rotate":
            _created(gateway.rotate(store, args.key), args)
        else:
            gateway.revoke(store, args.key)
            if args.json:
                print_json("merits.key-revoked/1", {"revoked": args.key})
            else:
                print(f"{args.key} lets nobody in any more.")
    return 0


def _made(args: argparse.Namespace) -> tuple[str, ApiKey]:
    from merits.serving.keys import new_key

    if args.key:
        raise UsageError(f"a new key has no id {args.key!r} yet.", f"Name it: --name {args.key}")
    now = time.time()
    amount, currency = _money(args.budget)
    return new_key(
        now=now,
        name=args.name,
        scopes=args.scope or SCOPES[:2],
        tasks=args.only_task,
        per_minute=args.per_minute,
        budget=amount,
        currency=currency,
        expires_at=None if args.days is None else now + 86_400.0 * args.days,
    )


def _money(text: str | None) -> tuple[float | None, str]:
    if text is None:
        return None, "USD"
    found = _BUDGET.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--budget {text!r} is no amount of money.", 'Write it like "50 USD".')
    return float(found[1]), found[2] or "USD"


def _created(key: str, args: argparse.Namespace) -> None:
    if args.json:
        print_json("merits.key/1", {"key": key})
        return
    print(key)  # alone on stdout: MERITS_KEY=$(merits keys create ...)
    print("This key is shown once. Clients send it as Authorization: Bearer mk_...", file=sys.stderr)


def _note_unknown(tasks: Sequence[str], known: Sequence[str]) -> None:
    """Says which of the tasks that a key is for have no release: it may come later, or be mistyped."""
    from merits.core.validate import near_miss

    for task in tasks:
        if task not in known:
            print(f"No release of {task!r} is known yet. {near_miss(task, known)}".strip(), file=sys.stderr)


def _list(keys: Sequence[ApiKey], args: argparse.Namespace) -> None:
    if args.json:
        print_json("merits.keys/1", {"keys": [_public(key) for key in keys]})
        return
    if not keys:
        print(pasted("There is no key yet: merits keys create --name ME", args))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "may", "tasks", "a minute", "a month", "made", "state"):
        table.add_column(column)
    for key in keys:
        budget = "" if key.budget is None else f"{key.budget:g} {key.currency}"
        made = datetime.fromtimestamp(key.at, UTC).strftime("%Y-%m-%d %H:%M")
        may, tasks = ", ".join(key.scopes), ", ".join(key.tasks) or "all"
        table.add_row(key.id, key.name, may, tasks, str(key.per_minute or ""), budget, made, _state(key))
    console().print(table)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= time.time() else "in use"


def _public(key: ApiKey) -> dict[str, object]:
    """What may be shown of a key: all but its hash."""
    said: dict[str, object] = msgspec.to_builtins(key)
    said.pop("hash")
    return {**said, "state": _state(key)}
