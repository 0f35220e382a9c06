"""`POST /predict` and `/predict/batch`: any release, by the input of its task, as JSON or as a form with files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from merits.core.identity import JSON
from merits.serving.checking import Written
from merits.serving.desk import Desk, Given, Wanted
from merits.serving.fleet import Line
from merits.serving.http import Call, Response, decoded
from merits.serving.inputs import Form, asked_by, read_in_turn
from merits.serving.pictures_out import shown_output
from merits.serving.refusals import Refusal, refusal_of
from merits.serving.saying import headers_of, merits_of, usage_in
from merits.serving.uploads import Files, Upload, form_in, texts_of

__all__ = ["BatchRequest", "PredictRequest", "line_of", "predict", "predict_batch"]

_encode = msgspec.json.Encoder().encode
_AT_ONCE = 16
_FORM = b"multipart/form-data"
Model = Annotated[
    str,
    Meta(max_length=300, description="merits/TASK or merits/TASK@VERSION; may be left out where one task is served."),
]
User = Annotated[str, Meta(max_length=512, description="Who asks: only a keyed hash of it is kept.")]


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One input. Pictures and sounds are data URLs, alone or in a column."""

    input: JSON = None
    model: Model | msgspec.UnsetType = msgspec.UNSET
    user: User | None = None


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Several inputs of one task."""

    inputs: Annotated[list[JSON], Meta(min_length=1)]
    model: Model | msgspec.UnsetType = msgspec.UNSET
    user: User | None = None


_decode = msgspec.json.Decoder(PredictRequest).decode
_decode_batch = msgspec.json.Decoder(BatchRequest).decode


def line_of(desk: Desk, call: Call, model: str | msgspec.UnsetType) -> tuple[Line, int | None]:
    """The line of a model, or the only one that is served where none is named."""
    tasks = call.holder.tasks if call.holder is not None else frozenset()
    if not isinstance(model, msgspec.UnsetType):
        return desk.fleet.find(model, tasks)
    lines = [line for line in desk.fleet.lines.values() if not tasks or line.task in tasks]
    if len(lines) != 1:
        served = ", ".join(desk.fleet.names(tasks)) or "nothing yet"
        raise Refusal(400, "model_missing", f"Name the model. Served: {served}.", param="model")
    return lines[0], None


async def predict(desk: Desk, call: Call) -> Response:
    """The answer to one input."""
    files = Files()
    try:
        body = await call.body(desk.bodies, desk.longest(call))
        if call.content_type == _FORM:
            asked = _asked_in(form_in(body, call.headers[b"content-type"]), files)
        else:
            asked = decoded(_decode, body)
        line, pinned = line_of(desk, call, asked.model)
        opened = line.unit(pinned)
        wanted = Wanted(
            line,
            pinned,
            await read_in_turn(len(body), asked_by, asked.input, opened, files),
            call.request,
            desk.deadline(call),
            desk.user(asked.user or ""),
            files,
        )
        given = await desk.ask(call, wanted)
        failure = given.reply.answer.failure
        if failure is not None:
            raise refusal_of(failure)
        return Response(_encode(_said(desk, given)), headers=headers_of(given))
    finally:
        files.close()


async def predict_batch(desk: Desk, call: Call) -> Response:
    """The answers to several inputs, in their order: each its own outcome, with an id of its own (`ID.N`, from 0)."""
    settings = desk.settings
    body = await call.body(desk.bodies, desk.longest(call))
    asked = decoded(_decode_batch, body)
    if len(asked.inputs) > settings.batch:
        raise Refusal(413, "batch_too_long", f"A batch has at most {settings.batch} inputs.", param="inputs")
    line, pinned = line_of(desk, call, asked.model)
    if desk.admission.waiting >= max(1, desk.admission.queue):
        raise Refusal(
            429,
            "queue_full",
            "Too many requests are waiting; try again later.",
            retry_after_s=desk.admission.retry_after_s,
        )
    if call.holder is not None:
        call.holder.must_have_turns(len(asked.inputs))
    opened = line.unit(pinned)
    files = Files()
    turn = asyncio.Semaphore(min(_AT_ONCE, settings.concurrency))
    until, user = desk.deadline(call), desk.user(asked.user or "")

    async def one(n: int, input: JSON) -> Mapping[str, object]:
        async with turn:
            request = f"{call.request}.{n}"
            try:
                read = await read_in_turn(len(body), asked_by, input, opened, files, param=f"inputs[{n}]")
                wanted = Wanted(line, pinned, read, request, until, user, files, patient=True)
                given = await desk.ask(call, wanted)
                if given.reply.answer.failure is not None:
                    raise refusal_of(given.reply.answer.failure)
            except Refusal as refusal:
                error = {"message": refusal.message, "code": refusal.code, "status": refusal.status}
                return {"request": request, "error": error}
            return _said(desk, given)

    try:
        answers = await asyncio.gather(*(one(n, input) for n, input in enumerate(asked.inputs)))
    finally:
        files.close()
    failed = sum("error" in answer for answer in answers)
    return Response(_encode({"request": call.request, "answers": answers, "failed": failed}))


def _said(desk: Desk, given: Given) -> dict[str, object]:
    answer = given.reply.answer
    said: dict[str, object] = {"output": shown_output(answer.output, given.opened.release, desk.fleet.folder)}
    if answer.refused:
        said["refused"] = True
    return {**said, "usage": usage_in(answer.usage), "merits": merits_of(given)}


def _asked_in(form: dict[str, Upload], files: Files) -> PredictRequest:
    """A form as a request: `file` (or a file of any name) is the input, or a column of it beside others.

    `input` may be JSON of the other columns; `model` and `user` are as in JSON.
    """
    uploads = {name: files.ours(files.add(part.data, name)) for name, part in form.items() if part.filename}
    texts = texts_of(form)
    model, user = texts.pop("model", msgspec.UNSET), texts.pop("user", None)
    if not uploads:
        raise Refusal(400, "invalid_form", "The form holds no file.", param="file")
    columns: dict[str, JSON] = {}
    if "input" in texts:
        given = decoded(msgspec.json.Decoder(dict[str, object]).decode, texts.pop("input").encode())
        columns.update(given)  # type: ignore[arg-type]
    columns.update((name, Written(text)) for name, text in texts.items())
    return PredictRequest(Form({**columns, **uploads}), model, user)
