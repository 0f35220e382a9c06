"""OpenAI's words about batches, at /v1/files and /v1/batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from merits.testing.provider.accepted import Accepted, JSONObject, Progress

__all__ = ["batch", "lines", "requests"]

_DAY_S = 86_400.0


def requests(content: bytes) -> list[tuple[str, JSONObject]]:
    """The requests in an input file, each as its custom id and its body."""
    read = [json.loads(line) for line in content.splitlines()]
    return [(line["custom_id"], line["body"]) for line in read]


def batch(accepted: Accepted, now: Progress) -> JSONObject:
    """A batch object."""
    fates, n = accepted.fates, len(accepted.requests)
    n_fine = fates["fine"]
    code, _, why = accepted.refused.partition(": ")
    return {
        "id": accepted.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "input_file_id": accepted.file,
        "status": _status(accepted, now),
        "errors": {"object": "list", "data": [{"code": code, "message": why}]} if accepted.refused else None,
        "output_file_id": f"output-of-{accepted.id}" if now.done and n_fine else None,
        "error_file_id": f"errors-of-{accepted.id}" if now.done and n_fine < n else None,
        "created_at": int(accepted.at),
        "expires_at": int(accepted.at + _DAY_S),
        "request_counts": {
            "total": 0 if accepted.refused else n,
            "completed": n_fine if now.done else now.n_done,
            "failed": fates["error"] if now.done else 0,
        },
        "metadata": dict(accepted.metadata) or None,
    }


def _status(accepted: Accepted, now: Progress) -> str:
    if accepted.refused:
        return "failed"
    if not now.done:
        return "in_progress"
    fates = accepted.fates
    return "expired" if fates["expire"] else "cancelled" if fates["cancel"] else "completed"


def lines(
    accepted: Accepted, seed: int, answered: Callable[[JSONObject], JSONObject]
) -> Iterator[tuple[bool, JSONObject]]:
    """The lines of the output file (True) and of the error file (False)."""
    for (custom_id, body), fault in accepted.shuffled(seed):
        line: JSONObject = {"id": f"batch_req_{custom_id}", "custom_id": custom_id, "response": None, "error": None}
        if fault is None:
            yield True, {**line, "response": {"status_code": 200, "request_id": "r", "body": answered(body)}}
        elif fault.kind == "error":
            told = {"error": {"message": f"This is a {fault.status}.", "type": "fake_error"}}
            yield False, {**line, "response": {"status_code": fault.status, "request_id": "r", "body": told}}
        elif fault.kind == "expire":
            why = "This request could not be executed before the completion window expired."
            yield False, {**line, "error": {"code": "batch_expired", "message": why}}
