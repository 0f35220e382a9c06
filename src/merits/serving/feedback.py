"""`POST /feedback`: what became of an answer, joined on the request's id. One, or many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from merits.core.doors import LiveStore
from merits.core.errors import StoreError
from merits.core.identity import JSON
from merits.core.live import Arm, Feedback, Served, Source
from merits.serving.desk import Desk
from merits.serving.http import Call, Response, decoded
from merits.serving.refusals import Refusal

__all__ = ["FeedbackItem", "FeedbackRequest", "feedback"]

_encode = msgspec.json.Encoder().encode
_MOST = 1000
_LOOK_AGAIN_S = (0.3, 0.7)  # another worker's answer may be on its way to the store


class FeedbackItem(msgspec.Struct, forbid_unknown_fields=True):
    """What was learned of one request: the right answer, or only whether the one given solved the case."""

    request: Annotated[str, Meta(min_length=1, max_length=120)]
    target: JSON = None
    solved: bool | None = None
    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    source: Source = "user"
    arm: Arm | None = None
    by: Annotated[str, Meta(max_length=200)] = ""
    comment: Annotated[str, Meta(max_length=4000)] = ""


class FeedbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Several at once."""

    feedback: Annotated[list[FeedbackItem], Meta(min_length=1, max_length=_MOST)]


_decode_one = msgspec.json.Decoder(FeedbackItem).decode
_decode_many = msgspec.json.Decoder(FeedbackRequest).decode


async def feedback(desk: Desk, store: LiveStore, call: Call) -> Response:
    """What became of each item: kept (new, a duplicate, or contradicting what was said before), or not (unknown).

    Everything that is about a known request is kept: of several from one source the last counts. The status is 404
    where a single item's request is not known, 207 where some of several were not kept, else 200.
    """
    settings = desk.settings
    body = await call.body(desk.overdue, settings.body_bytes, settings.body_s)
    several = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if _is_object(body) else {}
    items = decoded(_decode_many, body).feedback if "feedback" in several else [decoded(_decode_one, body)]
    requests = list(dict.fromkeys(item.request for item in items))
    try:
        served = await _found(desk, store, requests)
        before = {name: list(said) for name, said in (await asyncio.to_thread(store.feedback_on, requests)).items()}
    except StoreError:
        raise Refusal(
            503, "store_away", "The store cannot be reached; send the feedback again later.", retry_after_s=5.0
        ) from None
    told = [_kept(desk, call, item, served.get(item.request), before.setdefault(item.request, [])) for item in items]
    if "feedback" not in several:
        only = told[0]
        if "error" in only:
            raise Refusal(_status(only), str(only["code"]), str(only["error"]), param="request")
        return Response(_encode(only))
    kept = sum(bool(each["kept"]) for each in told)
    status = 200 if kept == len(told) else 207
    return Response(_encode({"items": told, "kept": kept, "not_kept": len(told) - kept}), status=status)


def _is_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


async def _found(desk: Desk, store: LiveStore, requests: Sequence[str]) -> dict[str, Sequence[Served]]:
    found: dict[str, Sequence[Served]] = {name: [desk.pending[name]] for name in requests if name in desk.pending}
    for wait_s in (0.0, *_LOOK_AGAIN_S):
        missing = [name for name in requests if name not in found]
        if not missing:
            break
        await asyncio.sleep(wait_s)
        found.update(await asyncio.to_thread(store.find, missing))
    return found


def _kept(
    desk: Desk,
    call: Call,
    item: FeedbackItem,
    found: Sequence[Served] | None,
    before: list[Feedback],
) -> dict[str, JSON]:
    said: dict[str, JSON] = {"request": item.request, "kept": False}
    if item.target is None and item.solved is None and item.score is None:
        return said | {"error": "Say what was learned: target, solved or score.", "code": "empty", "status": 400}
    tasks = call.holder.tasks if call.holder is not None else frozenset()
    if not found or (tasks and found[0].task not in tasks):
        return said | {"error": "No such request is known.", "code": "unknown_request", "status": 404}
    learned = Feedback(
        request=item.request,
        task=found[0].task,
        at=time.time(),
        source=item.source,
        target=item.target,
        solved=item.solved,
        score=item.score,
        arm=item.arm,
        by=item.by or (call.holder.key.name if call.holder is not None else ""),
        comment=item.comment,
    )
    earlier = [one for one in before if one.source == item.source and one.arm == item.arm]
    duplicate = any(_same(one, learned) for one in earlier)
    contradicts = any(not _same(one, learned) for one in earlier)
    desk.feedback(learned)
    before.append(learned)
    return said | {"kept": True, "task": learned.task, "duplicate": duplicate, "contradicts": contradicts}


def _same(one: Feedback, other: Feedback) -> bool:
    return (one.target, one.solved, one.score) == (other.target, other.solved, other.score)


def _status(told: Mapping[str, JSON]) -> int:
    status = told.get("status", 200)
    return status if isinstance(status, int) else 200
