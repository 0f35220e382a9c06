"""`POST /v1/audio/transcriptions`: a form with a sound, for releases that write down what is said."""

from __future__ import annotations

import msgspec

from merits.core.identity import JSON
from merits.serving.desk import Desk, Wanted
from merits.serving.http import Call, Response
from merits.serving.inputs import asked_by, read_in_turn
from merits.serving.parameters import left_aside, left_aside_header
from merits.serving.refusals import Refusal, refusal_of
from merits.serving.saying import headers_of, merits_of, text_of
from merits.serving.uploads import Files, form_in, texts_of

__all__ = ["transcriptions"]

_encode = msgspec.json.Encoder().encode
_FORMATS = ("json", "text")
_TIMED = ("verbose_json", "srt", "vtt", "diarized_json")
_OURS = frozenset({"file", "model", "response_format", "user"})


async def transcriptions(desk: Desk, call: Call) -> Response:
    """What is said in the sound, as JSON or as plain text (`response_format`)."""
    settings = desk.settings
    body = await call.body(desk.bodies, desk.longest(call))
    if call.content_type != b"multipart/form-data":
        raise Refusal(400, "invalid_form", "Send a form (multipart/form-data) with `file` and `model`.")
    form = form_in(body, call.headers[b"content-type"])
    texts = texts_of(form)
    wanted_format = texts.get("response_format", "json")
    if wanted_format not in _FORMATS:
        why = " Releases do not say when what was said." if wanted_format in _TIMED else ""
        text = f"response_format must be one of {', '.join(_FORMATS)}.{why}"
        raise Refusal(400, "invalid_value", text, param="response_format")
    if "file" not in form or "model" not in texts:
        missing = "file" if "file" not in form else "model"
        raise Refusal(400, "invalid_value", f"The form lacks `{missing}`.", param=missing)
    holder = call.holder
    line, pinned = desk.fleet.find(texts.get("model", ""), holder.tasks if holder is not None else frozenset())
    opened = line.unit(pinned)
    if not opened.check.takes("sound"):
        raise Refusal(400, "no_sound", f"{opened.release.model} reads no sound.", param="model")
    beside = ((name.removesuffix("[]"), _value_of(text)) for name, text in texts.items() if name not in _OURS)
    aside = left_aside_header(left_aside(beside, opened.release.candidate, settings.leave_aside))
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
        return Response(text.encode(), headers=[*headers_of(given), *aside], content_type=b"text/plain; charset=utf-8")
    return Response(_encode({"text": text, "merits": merits_of(given)}), headers=[*headers_of(given), *aside])


def _value_of(text: str) -> JSON:
    """What a field of a form means: nothing, a number, true or false, or the text."""
    if text in ("", "false"):
        return None  # asks for nothing
    try:
        value: JSON = msgspec.json.decode(text.encode(), type=float | bool)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return text
    return value
