"""`POST /feedback`: what became of an answer, joined on the request's id. One, or many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from merits.core.doors import LiveStore
from merits.core.errors import StoreError
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.core.live import Arm, Feedback, Served, Source
from merits.core.release import ContentPolicy, Release
from merits.reading.feedback import Standing, as_class, standing, unfit_target, unknown_class
from merits.serving.desk import Desk
from merits.serving.http import Call, Response, decoded
from merits.serving.recording import kept_of
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
    """What became of each item: kept (new, a duplicate, or contradicting what was said before), or not (and why).

    What is about a known request is kept, once: of several from one source the last counts. Where a single item is not
    kept the status says why (400, 403, 404); it is 207 where some of several were not, else 200.
    """
    settings = desk.settings
    body = await call.body(desk.bodies, settings.body_bytes)
    several = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if _is_object(body) else {}
    items = decoded(_decode_many, body).feedback if "feedback" in several else [decoded(_decode_one, body)]
    requests = list(dict.fromkeys(item.request for item in items))
    try:
        served = await _found(desk, store, call, requests)
        on_the_way = desk.on_the_way.on(requests)  # before the store is asked: it may arrive meanwhile
        stored = await desk.from_store(call, lambda: store.feedback_on(requests))
        releases = await _releases(desk, store, call, [one for some in served.values() for one in some])
    except StoreError:
        raise Refusal(
            503, "store_away", "The store cannot be reached; send the feedback again later.", retry_after_s=5.0
        ) from None
    before = [one for said in stored.values() for one in said]
    before += [one for one in on_the_way if one not in before]
    before += [one for one in desk.on_the_way.on(requests) if one not in before]
    learned = [_learned(call, item, served.get(item.request), releases) for item in items]
    stands = iter(standing([one for one in learned if isinstance(one, Feedback)], before))
    told = [_kept(desk, one, next(stands)) if isinstance(one, Feedback) else one for one in learned]
    if "feedback" not in several:
        only = told[0]
        if "error" in only:
            raise Refusal(_status(only), str(only["code"]), str(only["error"]), param=str(only["param"]))
        return Response(_encode(only))
    kept = sum(bool(each["kept"]) for each in told)
    status = 200 if kept == len(told) else 207
    return Response(_encode({"items": told, "kept": kept, "not_kept": len(told) - kept}), status=status)


def _kept(desk: Desk, learned: Feedback, stands: Standing) -> dict[str, JSON]:
    if not stands.duplicate:
        desk.feedback(learned)
    said: dict[str, JSON] = {"request": learned.request, "kept": True, "task": learned.task}
    return said | {"duplicate": stands.duplicate, "contradicts": stands.contradicts}


async def _releases(
    desk: Desk, store: LiveStore, call: Call, served: Sequence[Served]
) -> dict[tuple[str, int], Release]:
    """The releases that answered, by task and version: those that are loaded here, else as the store has them."""
    found: dict[tuple[str, int], Release] = {}
    for one in served:
        line = desk.fleet.lines.get(one.task)
        if line is not None and one.release in line.units:
            found[one.task, one.release] = line.units[one.release].release
    for task in {one.task for one in served if (one.task, one.release) not in found}:
        for release in await desk.from_store(call, partial(store.releases, task)):
            found[task, release.version] = release
    return found


def _is_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


async def _found(desk: Desk, store: LiveStore, call: Call, requests: Sequence[str]) -> dict[str, Sequence[Served]]:
    found: dict[str, Sequence[Served]] = {name: [desk.pending[name]] for name in requests if name in desk.pending}
    for wait_s in (0.0, *_LOOK_AGAIN_S):
        missing = [name for name in requests if name not in found]
        if not missing:
            break
        await asyncio.sleep(wait_s)
        found.update(await desk.from_store(call, partial(store.find, missing)))
    return found


def _learned(
    call: Call, item: FeedbackItem, found: Sequence[Served] | None, releases: Mapping[tuple[str, int], Release]
) -> Feedback | dict[str, JSON]:
    """What is to be kept of an item; or why it is not."""
    if item.target is None and item.solved is None and item.score is None:
        return _not_kept(item, 400, "empty", "Say what was learned: target, solved or score.")
    holder = call.holder
    if not found or (holder is not None and holder.tasks and found[0].task not in holder.tasks):
        return _not_kept(item, 404, "unknown_request", "No such request is known.")
    if holder is not None and "label" not in holder.scopes:
        if item.source != "user":
            return _not_kept(item, 403, "scope", f"Feedback of the source {item.source} needs a key of scope label.")
        if not any(one.key in ("", holder.key.id) for one in found if one.arm != "shadow"):
            return _not_kept(item, 403, "scope", "Another key asked this: only a key of scope label may judge it.")
    release = releases.get((found[0].task, found[0].release))
    target, wrong = _target(item, release)
    if wrong is not None:
        return wrong
    said = Feedback(
        request=item.request,
        task=found[0].task,
        at=call.at,
        source=item.source,
        target=target,
        solved=item.solved,
        score=item.score,
        arm=item.arm,
        by=item.by or (holder.key.name if holder is not None else ""),
        comment=item.comment,
    )
    return kept_of(said, "", ContentPolicy()) if release is None else kept_of(said, release.kind, release.content)


def _target(item: FeedbackItem, release: Release | None) -> tuple[JSON, dict[str, JSON] | None]:
    """The right answer as it is kept; or why it is none."""
    target = item.target
    if target is None or release is None or release.kind not in kind_names():
        return target, None
    sort = task_kind(release.kind).target
    if sort == "label":
        target = as_class(target, release.classes)
        if target is None:
            wrong, next_step = unknown_class(item.target, release.classes)
            text = f"{wrong[0].upper()}{wrong[1:]}. {next_step}"
            return None, _not_kept(item, 400, "unknown_label", text, param="target")
        return target, None
    unfit = unfit_target(target, sort)
    return target, _not_kept(item, 400, "invalid_value", unfit, param="target") if unfit else None


def _not_kept(item: FeedbackItem, status: int, code: str, error: str, *, param: str = "request") -> dict[str, JSON]:
    return {
        "request": item.request,
        "kept": False,
        "error": error,
        "code": code,
        "status": status,
        "param": param,
    }


def _status(told: Mapping[str, JSON]) -> int:
    status = told.get("status", 200)
    return status if isinstance(status, int) else 200
