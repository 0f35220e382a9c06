"""A task in production as a page that draws itself anew, and one alert with its evidence. One script, in the page."""

from __future__ import annotations

import base64
import functools
import hashlib
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from merits.core.live import Alert
from merits.report import numbers
from merits.report.drawings.live_quality import live_quality_chart
from merits.report.live import LiveView, headline, tone_of
from merits.report.plain import clean

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["evidence_page", "fragment", "page"]


def page(view: LiveView, *, every_s: float) -> str:
    """The whole page; it fetches `fragment` every so many seconds."""
    return _rendered("live.html.j2", view, every_s)


def fragment(view: LiveView) -> str:
    """What of the page changes."""
    template = _environment().get_template("live.html.j2")
    context = template.new_context(_of(view))
    return "".join(template.blocks["live"](context))


def evidence_page(alert: Alert, state: str) -> str:
    """One alert with every number it rests on."""
    style = _style()
    return (
        _environment()
        .get_template("alert.html.j2")
        .render(alert=alert, state=state, evidence=_evidence(alert), style=_markup(style), style_hash=_hash(style))
    )


def _rendered(name: str, view: LiveView, every_s: float) -> str:
    style = _style()
    script = _read("live.js").replace("EVERY_MS", str(int(1_000 * every_s)))
    return (
        _environment()
        .get_template(name)
        .render(
            **_of(view),
            every_s=every_s,
            style=_markup(style),
            style_hash=_hash(style),
            script=_markup(script),
            script_hash=_hash(script),
        )
    )


def _of(view: LiveView) -> dict[str, object]:
    return {"v": view, "tone": tone_of(view), "headline": headline(view), "chart": live_quality_chart(view)}


def _evidence(alert: Alert) -> str:
    return msgspec.json.format(msgspec.json.encode(alert.evidence), indent=2).decode()


@functools.cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("merits.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": numbers.count,
        "drawn": _markup,
        "interval": lambda estimate: estimate.interval(),
        "number": lambda estimate: estimate.number(estimate.value),
        "text": lambda estimate: estimate.text(),
        "time": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }
    return environment


def _style() -> str:
    return _read("page.css") + _read("live.css")


@functools.cache
def _read(name: str) -> str:
    return resources.files("merits.report").joinpath(f"templates/{name}").read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)
