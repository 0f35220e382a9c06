"""What a team says about watching: how many false alarms it accepts, who is told, and what may happen by itself."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from merits.core.spans import span_s

__all__ = ["Email", "Loop", "Monitoring", "Receiver", "Retraining", "Rule", "Severity", "Step", "Watching"]

Severity: TypeAlias = Literal["note", "warning", "alarm"]

Step: TypeAlias = Literal["re-evaluate", "retrain", "compare", "switch"]


class Email(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where letters go, and through which server. The password is the variable SMTP_PASSWORD of the environment."""

    to: Annotated[tuple[str, ...], Meta(min_length=1, description="Addresses.")]
    sender: Annotated[str, Meta(description="The address it comes from.")] = "merits@localhost"
    host: Annotated[str, Meta(description="The mail server.")] = "localhost"
    port: Annotated[int, Meta(ge=1, le=65_535, description="Its port; 465 is TLS from the first byte.")] = 25
    user: Annotated[str, Meta(description="Who logs in there; nobody does unless said.")] = ""
    starttls: Annotated[bool, Meta(description="Go on under TLS before anything is said.")] = False


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is told of alerts: exactly one of `webhook`, `email`, `command`."""

    webhook: Annotated[str, Meta(description="An address that JSON is posted to; ${NAME} is the environment's.")] = ""
    email: Annotated[Email | None, Meta(description="Letters.")] = None
    command: Annotated[
        tuple[str, ...], Meta(description="A program and its arguments; the alerts come on its standard input as JSON.")
    ] = ()
    at_least: Annotated[Severity, Meta(description="Only what is so bad, or worse: note, warning, alarm.")] = "warning"
    name: Annotated[str, Meta(description="What it is called in what is logged.")] = ""

    def __post_init__(self) -> None:
        if sum((bool(self.webhook), self.email is not None, bool(self.command))) != 1:
            raise ValueError("name one of webhook, email, command")

    @property
    def label(self) -> str:
        """The name, else what it is."""
        return self.name or ("e-mail" if self.email else "webhook" if self.webhook else f"command {self.command[0]}")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How bad a change of some streams is: `on` is a name with * and ? ("input: *"). The first that fits counts."""

    on: Annotated[str, Meta(description="Which streams: a name; * stands for anything.")]
    severity: Annotated[Severity | None, Meta(description="How bad it is: note, warning, alarm.")] = None


class Loop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What follows an alarm by itself, in this order: re-evaluate, retrain, compare, switch.

    `compare` and `switch` wait for a person where they are not among `steps`; the first two are left out then. What is
    in `ask` waits for a person too.
    """

    steps: Annotated[
        tuple[Step, ...],
        Meta(description="What may happen by itself: re-evaluate (on fresh labelled cases), retrain, compare, switch."),
    ] = ("re-evaluate",)
    ask: Annotated[tuple[Step, ...], Meta(description="The steps before which a person is asked.")] = (
        "retrain",
        "compare",
        "switch",
    )
    on: Annotated[
        tuple[str, ...],
        Meta(description="The kinds of alerts that it follows; drift of latency, cost or errors is none of them."),
    ] = (
        "requirement-not-met",
        "another-is-better",
        "prices",
        "quality",
        "estimated-quality",
        "calibration",
        "drift",
        "silent-change",
    )
    fresh: Annotated[
        int,
        Meta(ge=40, description="How many labelled cases since the alarm candidates are tried on; it waits for them."),
    ] = 200
    budget: Annotated[
        str, Meta(description="What re-evaluating may spend: 5 USD. Without it, whoever costs money is not asked.")
    ] = ""
    share: Annotated[float, Meta(gt=0, le=1, description="The share of requests that a challenger is given.")] = 0.1
    mode: Annotated[Literal["shadow", "canary"], Meta(description="Whether it answers silently or for real.")] = (
        "shadow"
    )
    margin: Annotated[float, Meta(ge=0, lt=1, description="The loss of quality that a switch may risk.")] = 0.02
    users: Annotated[
        bool,
        Meta(
            description="Count what users say, too. They correct what was wrong: by that alone anything looks better "
            "than what serves, so only where they speak of requests that chance chose."
        ),
    ] = False


class Retraining(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When candidates are trained again without an alarm: what is better then goes the way of the loop (its steps)."""

    every: Annotated[
        str, Meta(description="How long after the last time, or after what serves began to: 7 days, 12 hours.")
    ] = "7 days"
    at_least: Annotated[int, Meta(ge=1, description="How many labelled requests since then; it waits for them.")] = 200
    candidates: Annotated[
        tuple[str, ...], Meta(description="Who, by name: of several the best goes on. Left out: the one that serves.")
    ] = ()

    def __post_init__(self) -> None:
        if not span_s(self.every):
            raise ValueError(f"{self.every!r} is no span of time: write 7 days, 12 hours")
        if len(set(self.candidates)) < len(self.candidates):
            raise ValueError("a candidate is named twice")

    @property
    def every_s(self) -> float:
        """The same in seconds."""
        return span_s(self.every) or 0.0


class Watching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be accused how easily. `alpha` is the probability that any stream of an unchanged release ever alarms.

    A change below its floor raises no alarm however certain it is. Floors are shares: 0.1 is 10 points.
    """

    alpha: Annotated[
        float, Meta(gt=0, lt=0.5, description="Probability that anything unchanged ever raises an alarm, all together.")
    ] = 0.05
    floor: Annotated[
        float, Meta(ge=0, lt=1, description="The least shift of a share that is worth an alarm: 0.1 is 10 points.")
    ] = 0.1
    rate_floor: Annotated[float, Meta(ge=0, lt=1, description="The same for errors and refusals.")] = 0.02
    quality_floor: Annotated[
        float, Meta(ge=0, lt=1, description="How far quality may lie below what was promised before it is an alarm.")
    ] = 0.02
    certain: Annotated[
        bool, Meta(description="Alarm only when the shift is certainly above its floor, not only by its estimate.")
    ] = False
    ignore: Annotated[tuple[str, ...], Meta(description="Streams that are not watched, by name.")] = ()
    odd: Annotated[
        float,
        Meta(
            ge=0,
            description="How odd volume, latency, cost or errors of five minutes must be for an alarm; 0 for never.",
        ),
    ] = 10.0
    detector: Annotated[
        Literal["conformal", "adwin", "kswin", "page-hinkley"],
        Meta(description="What watches numbers: ours, or one of the package river (extra `drift`)."),
    ] = "conformal"


class Monitoring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a task is watched, who is told, and what follows.

    `alpha` bounds the probability that the decision is ever said to be wrong while a release serves that is right;
    `watch.alpha` that any of its streams is ever said to have changed that has not.
    """

    alpha: Annotated[
        float, Meta(gt=0, lt=0.5, description="Probability that a decision that is right is ever said to be wrong.")
    ] = 0.05
    watch: Annotated[Watching, Meta(description="What may be accused how easily of having changed.")] = Watching()
    rules: Annotated[tuple[Rule, ...], Meta(description="How bad it is when a stream changes.")] = ()
    receivers: Annotated[tuple[Receiver, ...], Meta(description="Who is told: webhooks, letters, commands.")] = ()
    group_s: Annotated[float, Meta(ge=0, description="Alerts of so many seconds are sent together.")] = 60.0
    repeat_h: Annotated[
        float, Meta(gt=0, description="What nobody acknowledged is sent again after so many hours.")
    ] = 24.0
    url: Annotated[str, Meta(description="Where the monitor's page is reached: links to the evidence begin so.")] = ""
    loop: Annotated[Loop, Meta(description="What follows an alarm by itself.")] = Loop()
    retrain: Annotated[
        Retraining | None, Meta(description="When candidates are trained again without an alarm. Left out: never.")
    ] = None

    def rule(self, stream: str) -> Rule:
        """The first rule that fits a stream; one that says nothing where none does.

        >>> Monitoring(rules=(Rule(on="drift: *", severity="note"),)).rule("drift: length").severity
        'note'
        """
        from fnmatch import fnmatchcase

        return next((rule for rule in self.rules if fnmatchcase(stream, rule.on)), Rule(on=stream))
