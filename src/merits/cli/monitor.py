"""Watches what is served: drift of inputs and answers, quality as labels arrive, and whether the decision still holds.

Alerts go to the receivers of the task file (monitor: receivers). What follows an alarm by itself is its `loop:`.

example:  merits monitor --port 8790        (a page that draws itself anew; --once looks once, for a schedule)
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import number, whole
from merits.core.errors import InfrastructureError, MeritsError, UsageError
from merits.core.live import AlertMark

if TYPE_CHECKING:
    from merits.core.task import Task
    from merits.production.looped import TaskLoop
    from merits.production.monitor_page import Marking
    from merits.production.monitored import Looked, Monitor
    from merits.report.live import LiveView

__all__ = ["arguments", "run"]

_EXITS = {"right": 0, "no longer right": 1, "too early to tell": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits monitor`."""
    add_task(parser)
    parser.add_argument("--once", action="store_true", help="look once; exit 0 right, 1 no longer right, 3 too early")
    parser.add_argument("--every", type=number(0), default=5.0, metavar="SECONDS", help="how often to look (default 5)")
    parser.add_argument("--port", type=whole(1), metavar="N", help="show it as a page and as JSON on this port, too")
    parser.add_argument("--host", default="127.0.0.1", help="the address of the page (default 127.0.0.1)")
    parser.add_argument("--quiet", action="store_true", help="nothing on the terminal but new alerts")
    parser.add_argument("--no-loop", action="store_true", help="watch and tell; whatever follows an alarm is yours")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what an alarm would begin, and what that is likely to cost; and end"
    )
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--approve",
        choices=("re-evaluate", "retrain", "compare", "switch"),
        help="say yes to the step that the loop waits with, and end",
    )
    answer.add_argument(
        "--decline",
        action="store_true",
        help="say no, whatever it does or waits for: nothing follows the alarm; and end",
    )
    add_live(parser)
    add_store(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """The exit code of the last look."""
    from merits.opening import opened_live
    from merits.production.looped import TaskLoop
    from merits.production.monitored import Monitor

    task = found_task(args.task)
    token = os.environ.get("MERITS_MONITOR_TOKEN", "")
    if args.port and args.host not in ("127.0.0.1", "::1", "localhost") and not token:
        raise UsageError(
            f"the page would be shown to everybody who reaches {args.host}.",
            "Set MERITS_MONITOR_TOKEN, which whoever looks then needs, or leave --host out.",
        )
    with opened_live(args.live, task) as live:
        loop = TaskLoop(task, live, store=args.store, note=lambda line: print(f"loop: {line}", file=sys.stderr))
        if args.dry_run:
            return _foreseen(loop, args)
        if args.approve or args.decline:
            return _answered(loop, args)
        monitor = Monitor(task, live, store=args.store, word=lambda text: pasted(text, args))
        following = None if args.no_loop else _Following(loop, args)
        shown = _Shown(monitor, task, loop, args)
        if args.once:
            return _once(monitor, shown, following, args)
        if args.port:
            _show_page(shown, args, token)
        return _watch(monitor, shown, following, args)


def _foreseen(loop: TaskLoop, args: argparse.Namespace) -> int:
    """0, once it is said what an alarm would begin."""
    from merits.report.plain import clean

    found = loop.foreseen()
    if args.json:
        print_json("merits.loop-plan/1", found)
        return 0
    print("after an alarm:")
    for step in found.steps:
        print(f"  {step:12} {'asks a person first' if step in found.asks else 'by itself'}")
    if found.tried:
        print(clean(f"{', '.join(found.tried)} race on the first {found.n_cases:,} labelled cases since the alarm"))
        for name, cost in found.tried.items():
            if cost is not None:
                print(clean(f"  {name}: {cost.text()} at most"))
        if found.budget:
            print(f"  {found.budget} at most for all of them (the loop's budget)")
    if found.left_out:
        who = clean(", ".join(found.left_out))
        print(f'not asked, for it costs money by use: {who} (monitor: {{loop: {{budget: "5 USD"}}}} lets it be)')
    print("nothing was asked.", file=sys.stderr)
    return 0


def _answered(loop: TaskLoop, args: argparse.Namespace) -> int:
    """0, once what a person said is kept for the monitor's next look."""
    from merits.opening import whoever

    step = args.approve or loop.state.stage
    state = loop.decline(whoever()) if args.decline else loop.approve(args.approve, whoever())
    if args.json:
        print_json("merits.loop/1", {"step": step, "approved": not args.decline, "loop": state})
    elif args.decline:
        print(f"No {step}: nothing follows the alarm any more.")
    else:
        print(f"{step} is approved: the monitor does it at its next look (merits monitor, or --once).")
    return 0


class _Following:
    """What follows an alarm, in a thread of its own: looking goes on while candidates are tried anew."""

    def __init__(self, loop: TaskLoop, args: argparse.Namespace) -> None:
        self._loop, self._args = loop, args
        self._thread: threading.Thread | None = None
        self._said = ""

    def advance(self) -> None:
        """Does what can be done now, and says what kept it from doing it."""
        try:
            self._loop.advance()
            self._said = ""
        except MeritsError as problem:
            if str(problem) != self._said:  # once, and not every five seconds
                self._said = str(problem)
                print(pasted(f"loop: it waits: {problem}", self._args), file=sys.stderr)

    def begin(self) -> None:
        """Begins to advance, unless it is at it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.advance, name="merits-loop", daemon=True)
            self._thread.start()


def _once(monitor: Monitor, page: _Shown, following: _Following | None, args: argparse.Namespace) -> int:
    from merits.report.live_terminal import drawn

    looked = monitor.look()
    if following is not None:
        following.advance()
    if args.json:
        said = {"view": page.view(), "new": looked.new, "told": looked.told, "problems": looked.problems}
        print_json("merits.monitor/1", said)
    else:
        console().print(drawn(page.view()))
        _say(looked)
    return _EXITS[looked.view.standing]


def _watch(monitor: Monitor, page: _Shown, following: _Following | None, args: argparse.Namespace) -> int:
    """Looks until it is interrupted."""
    from rich.live import Live

    from merits.report.live_terminal import drawn

    shown = console()
    drawing = shown.is_terminal and not args.quiet and not args.json
    view = page.view()
    with Live(drawn(view), console=shown, auto_refresh=False, screen=False) if drawing else _Nothing() as on_screen:
        while True:
            try:
                looked = monitor.look()
                view = page.view()
                _note(looked, args)
                if following is not None:
                    following.begin()
                if drawing:
                    on_screen.update(drawn(view), refresh=True)
            except InfrastructureError as problem:  # the store is away: what is new is read when it is back
                print(f"error: {problem}", file=sys.stderr)
            except KeyboardInterrupt:
                return _EXITS[view.standing]
            try:
                time.sleep(args.every)
            except KeyboardInterrupt:
                return _EXITS[view.standing]


class _Nothing:
    """A screen that is not there."""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def update(self, drawing: object, *, refresh: bool) -> None:
        """Nothing."""


def _note(looked: Looked, args: argparse.Namespace) -> None:
    if args.json:
        for alert in looked.new:
            print_json("merits.alert/1", {"alert": alert})
        sys.stdout.flush()
    elif not console().is_terminal or args.quiet:
        _say(looked)


def _say(looked: Looked) -> None:
    from merits.report.plain import clean

    for alert in looked.new:
        print(f"{alert.severity} {alert.id}: {clean(alert.text)}", flush=True)
    for line in looked.problems:
        print(f"error: {clean(line)}", file=sys.stderr)


def _show_page(shown: _Shown, args: argparse.Namespace, token: str) -> None:
    """Starts the page in a thread that ends with the program."""
    from merits.core.errors import MissingExtra

    try:
        import uvicorn
    except ModuleNotFoundError:
        raise MissingExtra("the page needs an HTTP server.", "pip install 'merits[serve]'") from None
    from merits.production.monitor_page import MonitorPage

    try:
        with socket.create_server((args.host, args.port)):
            pass
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        raise UsageError(f"the page cannot be shown on port {args.port}: {why}.", "Name another --port.") from None
    app = MonitorPage(shown, every_s=args.every, token=token)
    config = uvicorn.Config(app, host=args.host, port=args.port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True, name="merits-page").start()
    print(f"The page: http://{args.host}:{args.port}/", file=sys.stderr)


class _Shown:
    """What the page shows, and marks made on it."""

    def __init__(self, monitor: Monitor, task: Task, loop: TaskLoop, args: argparse.Namespace) -> None:
        self._monitor, self._task, self._loop, self._args = monitor, task, loop, args

    def view(self) -> LiveView:
        """The task as it stands, and what the loop waits with."""
        step, log = self._loop.waiting_for, self._loop.state.log
        yes = f"{step}. Say yes: merits monitor --approve {step} (no: --decline)"
        waiting = (pasted(yes, self._args),) if step else ()
        doing = tuple(f"loop: {line}" for line in log[-3:])
        view = self._monitor.view()
        return replace(view, waiting_for=waiting, notes=(*doing, *view.notes))

    def mark(self, alert: str, mark: Marking) -> bool:
        """Whether there is such an alert; it is marked then."""
        now = time.time()
        until = None if mark.hours is None else now + 3_600.0 * mark.hours
        made = AlertMark(
            alert=alert,
            task=self._task.name,
            at=now,
            mark=mark.mark,  # type: ignore[arg-type]
            until=until,
            by="the page",
            reason=mark.reason,
        )
        return self._monitor.mark(alert, made)
