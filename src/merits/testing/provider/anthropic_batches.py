"""Anthropic's words about batches, at /v1/messages/batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from merits.testing.provider.accepted import Accepted, JSONObject, Progress
from merits.testing.provider.anthropic import KIND_OF_STATUS

__all__ = ["batch", "lines", "requests"]

_DAY_S = 86_400.0


def requests(body: bytes) -> list[tuple[str, JSONObject]]:
    """The requests that are to be a batch, each as its custom id and its body."""
    return [(each["custom_id"], each["params"]) for each in json.loads(body)["requests"]]


def batch(accepted: Accepted, now: Progress) -> JSONObject:
    """A batch object."""
    return {
        "id": accepted.id,
        "type": "message_batch",
        "processing_status": "ended" if now.done else "in_progress",
        "request_counts": _counts(accepted, now),
        "created_at": _time(accepted.at),
        "expires_at": _time(accepted.at + _DAY_S),
        "ended_at": _time(now.ends_at) if now.done else None,
        "results_url": f"https://elsewhere.invalid/{accepted.id}" if now.done else None,
    }


def _counts(accepted: Accepted, now: Progress) -> dict[str, int]:
    fates, n = accepted.fates, len(accepted.requests)
    if not now.done:
        return {"processing": n, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    fine, wrong, cancelled = fates["fine"], fates["error"], fates["cancel"]
    expired = n - fine - wrong - cancelled
    return {"processing": 0, "succeeded": fine, "errored": wrong, "canceled": cancelled, "expired": expired}


def lines(accepted: Accepted, seed: int, answered: Callable[[JSONObject], JSONObject]) -> Iterator[JSONObject]:
    """The lines of the results."""
    for (custom_id, body), fault in accepted.shuffled(seed):
        if fault is None:
            yield {"custom_id": custom_id, "result": {"type": "succeeded", "message": answered(body)}}
        elif fault.kind == "error":
            kind = KIND_OF_STATUS.get(fault.status, "api_error")
            error = {"type": "error", "error": {"type": kind, "message": f"This is a {fault.status}."}}
            yield {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
        elif fault.kind != "leave_out":
            kind = "expired" if fault.kind == "expire" else "canceled"
            yield {"custom_id": custom_id, "result": {"type": kind}}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
