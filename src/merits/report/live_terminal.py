"""A task in production, on a terminal. Fits 80 columns; drawn anew for each look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from merits.core.estimate import Estimate
from merits.report import numbers
from merits.report.live import LiveView, StreamLine, headline, tone_of
from merits.report.plain import clean, one_line

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["drawn"]

_COLOURS = {"good": "green", "open": "yellow", "bad": "red"}
_SEVERITIES = {"alarm": "bold red", "warning": "yellow", "note": "dim"}
_MOST_STREAMS, _MOST_ALERTS, _MOST_ROLLOUTS = 14, 8, 4


def drawn(view: LiveView) -> Group:
    """What a console prints of it."""
    from rich.console import Group

    parts: list[RenderableType] = [_head(view), _arms(view)]
    if view.alerts:
        parts.append(_alerts(view))
    if view.streams:
        parts.append(_streams(view.streams))
    parts += [_text(line, "dim") for line in (*_history(view), *view.notes)]
    return Group(*parts)


def _head(view: LiveView) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel

    colour = _COLOURS[tone_of(view)]
    lines = [_text(f"The decision is {headline(view)}.", f"bold {colour}"), _text(view.because)]
    lines += [_text(f"Waiting for a person: {step}", "bold yellow") for step in view.waiting_for]
    served = f"{numbers.counted(view.n_served, 'request')} since {_time(view.since)}, {view.per_minute:,.0f} a minute"
    lines.append(_text(f"{served}; the outcome of {view.n_judged:,} is known.", "dim"))
    if view.estimated is not None:
        lines.append(_text(f"Estimated without labels: {view.estimated}. {view.assumption}", "dim"))
    title = f"{view.model}, {_time(view.at)}"
    return Panel(Group(*lines), title=_text(title), title_align="left", border_style=colour, padding=(0, 2))


def _arms(view: LiveView) -> Table:
    table = _table("what serves, beside what was promised")
    for name in ("release", "answered", "solved", "failed", "p95", "cost of 1,000"):
        table.add_column(name, justify="left" if name == "release" else "right", overflow="fold")
    promise = view.promise
    table.add_row(
        _text("promised", "dim"),
        _text(view.promised_on, "dim"),
        _figure(promise.quality),
        "",
        _figure(promise.latency_p95_s),
        _figure(promise.cost_per_1000),
    )
    for arm in view.arms:
        table.add_row(
            _text(f"@{arm.release} {arm.arm}"),
            numbers.count(arm.n),
            _figure(arm.quality),
            _figure(arm.failed),
            _figure(arm.latency_p95_s),
            _figure(arm.cost_per_1000, arm.priced),
        )
    return table


def _streams(streams: tuple[StreamLine, ...]) -> Table:
    table = _table("what is watched")
    for name in ("stream", "state", "what moved most", "evidence"):
        table.add_column(name, justify="right" if name == "evidence" else "left", overflow="fold")
    shown = sorted(streams, key=lambda one: (one.state != "changed", -(one.e_value or 0.0)))
    for line in shown[:_MOST_STREAMS]:
        style = "red" if line.state == "changed" else "dim" if line.state == "too early" else ""
        cells = (line.name, line.state, line.text, _evidence(line))
        table.add_row(*(_text(one_line(text, 110), style) for text in cells))
    if len(shown) > _MOST_STREAMS:
        table.caption = f"and {len(shown) - _MOST_STREAMS} more, as they were"
    return table


def _evidence(line: StreamLine) -> str:
    if line.e_value is None or line.bar is None:
        return ""
    return f"{line.e_value:.3g} of {line.bar:.3g}"


def _alerts(view: LiveView) -> Table:
    table = _table("alerts, newest first")
    for name in ("when", "what", "state"):
        table.add_column(name, overflow="fold")
    step = ""
    for line in view.alerts[:_MOST_ALERTS]:
        alert = line.alert
        is_open = line.state == "open"
        said = f"{alert.text}\nnext: {alert.next_step}" if is_open and alert.next_step not in ("", step) else alert.text
        step = alert.next_step if is_open else step  # said once where several have it
        style = _SEVERITIES[alert.severity] if is_open else "dim"
        table.add_row(_text(_time(alert.at), "dim"), _text(clean(said), style), _text(f"{line.state}\n{alert.id}"))
    return table


def _history(view: LiveView) -> list[str]:
    lines = []
    for rollout in view.rollouts[:_MOST_ROLLOUTS]:
        beside = f", @{rollout.challenger} as {rollout.mode} of {rollout.share:.0%}" if rollout.challenger else ""
        lines.append(f"{_time(rollout.at)}: @{rollout.champion} serves{beside}. {rollout.reason}".strip())
    return lines


def _figure(estimate: Estimate | None, more: str = "") -> Text:
    if estimate is None:
        return _text("–", "dim")
    return _text("\n".join(filter(None, (estimate.number(estimate.value), estimate.interval(), more))))


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="dim", box=SIMPLE_HEAD, padding=(0, 1), expand=False)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(clean(text), style=style)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
