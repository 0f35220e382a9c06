"""Lists alerts of a task in production, shows one with its evidence, and marks what is done about them.

example:  merits alerts && merits alerts --acknowledge 3f9ac01b22de --reason "the campaign of this week"
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_reason, add_task, console, found_task, print_json
from merits.cli.parsing import number
from merits.core.errors import UsageError
from merits.core.live import Alert, AlertMark
from merits.core.validate import did_you_mean, near_miss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits alerts`."""
    add_task(parser)
    parser.add_argument("--show", metavar="ID", help="one alert, with all its evidence")
    parser.add_argument("--all", action="store_true", help="those too that were acknowledged, silenced or resolved")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--acknowledge", metavar="ID", action="append", help="somebody looks after it: send it no more")
    group.add_argument("--resolve", metavar="ID", action="append", help="it is over")
    group.add_argument("--silence", metavar="ID|STREAM", help="say nothing of it, or of a stream (* for anything)")
    parser.add_argument("--hours", type=number(0), metavar="N", help="how long a silence lasts (default: for ever)")
    add_reason(parser)
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0; 1 where an alarm is open."""
    from merits.monitoring.alerts import state_of
    from merits.opening import opened_live

    if args.hours and not args.silence:
        raise UsageError("--hours says how long a silence lasts, and nothing is silenced.", "Say what: --silence ID")
    task, now = found_task(args.task), time.time()
    with opened_live(args.live, task, write=bool(_asked(args))) as live:
        alerts = live.alerts(task.name)
        marks = _marks(args, task.name, alerts, now)
        if marks:
            live.add(marks)
            for mark in () if args.json else marks:
                print(f"{mark.mark}: {mark.alert}{'' if mark.until is None else f', until {_time(mark.until)}'}")
        said = live.marks(task.name)
    states = {alert.id: state_of(alert, said, now) for alert in alerts}
    if args.show:
        _show(_known(args.show, alerts), states, args)
        return 0
    shown = [alert for alert in reversed(alerts) if args.all or states[alert.id] == "open"]
    if args.json:
        listed = [{"alert": alert, "state": states[alert.id]} for alert in shown]
        print_json("merits.alerts/1", {"task": task.name, "alerts": listed})
    elif shown:
        console().print(_table(shown, states, args))
    else:
        hidden = f" ({len(alerts):,} were: merits alerts --all)" if alerts else ""
        print(pasted(f"No alert of {task.name} is open{hidden}.", args))
    return int(any(states[alert.id] == "open" and alert.severity == "alarm" for alert in alerts))


def _asked(args: argparse.Namespace) -> Sequence[str]:
    return args.acknowledge or args.resolve or ([args.silence] if args.silence else [])


def _marks(args: argparse.Namespace, task: str, alerts: Sequence[Alert], now: float) -> list[AlertMark]:
    what = "acknowledged" if args.acknowledge else "resolved" if args.resolve else "silenced"
    until = now + 3_600.0 * args.hours if what == "silenced" and args.hours else None
    from merits.opening import whoever

    found = []
    for given in _asked(args):
        name = given
        if what != "silenced":
            name = _known(name, alerts).id
        elif "*" not in name and not any(name == alert.stream for alert in alerts):
            name = _known(name, alerts, streams=True).id
        found.append(
            AlertMark(alert=name, task=task, at=now, mark=what, until=until, by=whoever(), reason=args.reason)  # type: ignore[arg-type]
        )
    return found


def _known(name: str, alerts: Sequence[Alert], *, streams: bool = False) -> Alert:
    """The alert of this id, or the one whose id begins so; `streams` could have been named too."""
    found = [alert for alert in alerts if alert.id == name] or [alert for alert in alerts if alert.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} alerts have an id that begins with {name!r}.", "Write more of it.")
    if not streams:
        raise UsageError(f"there is no alert {name!r}.", did_you_mean(name, {alert.id for alert in alerts}))
    known = {each for alert in alerts for each in (alert.id, alert.stream)}
    step = "A pattern silences what has had no alert yet, such as 'input: *'; merits alerts --all lists the others."
    raise UsageError(f"{name!r} is no alert and no stream that had one.", near_miss(name, known) or step)


def _show(alert: Alert, states: dict[str, str], args: argparse.Namespace) -> None:
    if args.json:
        print_json("merits.alert/1", {"alert": alert, "state": states[alert.id]})
        return
    from merits.report.plain import clean

    evidence = msgspec.json.format(msgspec.json.encode(alert.evidence), indent=2).decode()
    release = f", @{alert.release}" if alert.release else ""
    print(f"{alert.severity} ({states[alert.id]}): {alert.task}{release}, {_time(alert.at)}, {clean(alert.stream)}")
    print(clean(alert.text))
    if alert.next_step:
        print(f"next: {pasted(clean(alert.next_step), args)}")
    print(f"evidence: {clean(evidence)}")


def _table(alerts: Sequence[Alert], states: dict[str, str], args: argparse.Namespace) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from merits.report.plain import clean

    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("alert", "when", "what"):
        table.add_column(name, overflow="fold")
    for alert in alerts:
        said = f"{alert.text}\nnext: {pasted(alert.next_step, args)}" if alert.next_step else alert.text
        style = "red" if alert.severity == "alarm" and states[alert.id] == "open" else ""
        about = f"{alert.id}\n{alert.severity}\n{states[alert.id]}"
        table.add_row(Text(about, style=style), Text(_time(alert.at)), Text(clean(said)))
    return table


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
