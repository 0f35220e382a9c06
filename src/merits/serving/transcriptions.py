"""`POST /v1/audio/transcriptions`: a form with a sound, for releases that write down what is said."""

from __future__ import annotations

import msgspec

from merits.serving.desk import Desk, Wanted
from merits.serving.http import Call, Response
from merits.serving.inputs import asked_by, read_in_turn
from merits.serving.refusals import Refusal, refusal_of
from merits.serving.saying import headers_of, merits_of, text_of
from merits.serving.uploads import Files, form_in, texts_of

__all__ = ["transcriptions"]

_encode = msgspec.json.Encoder().encode
_FORMATS = ("json", "text", "verbose_json")


async def transcriptions(desk: Desk, call: Call) -> Response:
    """What is said in the sound, as JSON or as plain text (`response_format`)."""
    settings = desk.settings
    body = await call.body(desk.overdue, settings.upload_bytes, settings.body_s)
    if call.content_type != b"multipart/form-data":
        raise Refusal(400, "invalid_form", "Send a form (multipart/form-data) with `file` and `model`.")
    form = form_in(body, call.headers[b"content-type"])
    texts = texts_of(form)
    wanted_format = texts.get("response_format", "json")
    if wanted_format not in _FORMATS:
        raise Refusal(
            400, "invalid_value", f"response_format must be one of {', '.join(_FORMATS)}.", param="response_format"
        )
    if "file" not in form or "model" not in form:
        missing = "file" if "file" not in form else "model"
        raise Refusal(400, "invalid_value", f"The form lacks `{missing}`.", param=missing)
    holder = call.holder
    line, pinned = desk.fleet.find(texts.get("model", ""), holder.tasks if holder is not None else frozenset())
    opened = line.unit(pinned)
    if opened.reads and "sound" not in opened.reads:
        raise Refusal(400, "no_sound", f"{opened.release.model} reads no sound.", param="model")
    files = Files()
    try:
        path = files.add(form["file"].data)
        read = await read_in_turn(len(body), asked_by, files.ours(path), opened, files, param="file")
        user = desk.user(texts.get("user", ""))
        given = await desk.ask(call, Wanted(line, pinned, read, call.request, desk.deadline(call), user, files))
    finally:
        files.close()
    answer = given.reply.answer
    if answer.failure is not None:
        raise refusal_of(answer.failure)
    text = text_of(answer.output)
    if wanted_format == "text":
        return Response(text.encode(), headers=headers_of(given), content_type=b"text/plain; charset=utf-8")
    said: dict[str, object] = {"text": text, "merits": merits_of(given)}
    if wanted_format == "verbose_json":
        said |= {"task": "transcribe", "language": texts.get("language", ""), "duration": 0.0, "segments": []}
    return Response(_encode(said), headers=headers_of(given))
