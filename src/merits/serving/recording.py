"""Makes the record of an answer: what is kept of it by the release's policy, and what is only counted."""

from __future__ import annotations

from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.kinds import kind_names, task_kind
from merits.core.live import Arm, Served
from merits.core.release import Release
from merits.serving.inputs import Asked
from merits.serving.redacting import redacted
from merits.serving.unit import Reply

__all__ = ["keeps_output", "least_of", "record"]

_SHORT = frozenset({"label", "number", "items"})


def keeps_output(release: Release) -> bool:
    """Whether an answer of this release says nothing of its own: a label, a number, items of a list."""
    return release.kind in kind_names() and task_kind(release.kind).target in _SHORT


def record(
    *,
    request: str,
    release: Release,
    arm: Arm,
    at: float,
    asked: Asked,
    reply: Reply,
    seconds: float,
    user: str = "",
    key: str = "",
    short: bool,
) -> Served:
    """The record of one answer. `short` is what `keeps_output` says of the release."""
    answer, policy = reply.answer, release.content
    seen = asked.seen
    if not short and not (answer.output is None or policy.keep):
        if isinstance(answer.output, str):
            seen = {**seen, "output_length": float(len(answer.output))}
        answer = _without_output(answer)
    elif policy.keep and not short:
        answer = replace(answer, output=redacted(answer.output, policy.redact))
    return Served(
        request=request,
        task=release.task_name,
        release=release.version,
        arm=arm,
        at=at,
        input_hash=asked.hash,
        answer=answer,
        cost=reply.cost,
        currency=reply.currency,
        input=redacted(asked.input, policy.redact) if policy.keep else None,
        seen=seen,
        user=user,
        key=key,
        fallback=reply.fallback,
        seconds=seconds,
    )


def least_of(served: Served) -> Served:
    """The record without anything that may be long."""
    answer = replace(served.answer, output=None, probabilities=None)
    return replace(served, answer=answer, input=None, embedding=(), seen={})


def _without_output(answer: Answer) -> Answer:
    return Answer(
        output=None,
        probabilities=answer.probabilities,
        confidence=answer.confidence,
        usage=answer.usage,
        latency_s=answer.latency_s,
        failure=answer.failure,
        model=answer.model,
        system_fingerprint=answer.system_fingerprint,
        refused=answer.refused,
        finish_reason=answer.finish_reason,
        untimed=answer.untimed,
        consulted=answer.consulted,
    )
