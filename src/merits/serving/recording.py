"""Makes the record of an answer: what is kept of it by the release's policy, and what is only counted."""

from __future__ import annotations

from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.live import Arm, Aside, Feedback, Served
from merits.core.serving import ContentPolicy
from merits.serving.inputs import Asked
from merits.serving.opened import Opened, is_short
from merits.serving.redacting import redacted
from merits.serving.unit import Reply

__all__ = ["kept_of", "least_of", "record"]


def record(
    *,
    request: str,
    opened: Opened,
    arm: Arm,
    at: float,
    asked: Asked,
    reply: Reply,
    seconds: float,
    user: str = "",
    key: str = "",
    aside: Aside = "",
) -> Served:
    """The record of one answer."""
    release, answer = opened.release, reply.answer
    policy, seen = release.content, asked.seen
    if not opened.short and not (answer.output is None or policy.keep):
        if isinstance(answer.output, str):
            seen = {**seen, "answer: length": float(len(answer.output))}
        answer = _without_output(answer)
    elif not policy.keep and isinstance(answer.output, str) and opened.says is not None:
        answer = replace(answer, output=opened.says(answer.output))
    elif policy.keep and not opened.short:
        answer = replace(answer, output=redacted(answer.output, policy.redact))
    if answer.failure is not None:  # providers repeat in it what they were sent
        said = str(redacted(answer.failure.message, policy.redact)) if policy.keep else ""
        answer = replace(answer, failure=replace(answer.failure, message=said))
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
        embedding=asked.embedding,
        user=user,
        key=key,
        fallback=reply.fallback,
        seconds=seconds,
        aside=aside,
    )


def kept_of(said: Feedback, kind: str, policy: ContentPolicy) -> Feedback:
    """What is kept of feedback on a kind of task: texts redacted, a comment only where content is kept.

    A target that is a label, a number or items stays as it is.
    """
    target = said.target if is_short(kind) else redacted(said.target, policy.redact)
    comment = str(redacted(said.comment, policy.redact)) if policy.keep else ""
    return replace(said, target=target, comment=comment)


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
