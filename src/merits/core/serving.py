"""How releases are served: limits, deadlines, and what is kept. The key `serve:` of a task file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

__all__ = ["ContentPolicy", "ServeSettings", "Sync"]

Sync: TypeAlias = Literal["never", "interval", "always"]


class ContentPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether inputs and outputs are kept, and how. Without `keep` only their hash, their length and their like are.

    What is kept is redacted first, and forgotten after `days`.
    """

    keep: Annotated[bool, Meta(description="Keep inputs and outputs of requests, redacted.")] = False
    days: Annotated[float, Meta(gt=0, description="After so many days they are forgotten.")] = 30.0
    redact: Annotated[
        tuple[str, ...],
        Meta(
            description="What is blacked out before it is kept: e-mail, phone, card, iban, ip, or a regular expression."
        ),
    ] = ("e-mail", "phone", "card", "iban", "ip")


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a server allows, each for one worker process unless it says otherwise. None of it changes an answer."""

    host: Annotated[str, Meta(description="The address to listen at; 0.0.0.0 is all of them.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen at; 0 takes a free one.")] = 8080
    workers: Annotated[int, Meta(ge=1, le=256, description="Processes that answer side by side.")] = 1
    keys: Annotated[bool, Meta(description="Whether requests need an API key.")] = True
    allow_changed: Annotated[
        bool,
        Meta(
            description="Serve a release too whose candidate is another one here: its code, a library, its address. "
            "The log says what differs; the promise was proved of the other one."
        ),
    ] = False
    concurrency: Annotated[int, Meta(ge=1, description="Requests that are answered at once.")] = 64
    queue: Annotated[int, Meta(ge=0, description="Requests that may wait for a turn; further ones get 429.")] = 256
    deadline_s: Annotated[
        float, Meta(gt=0, description="Seconds for an answer, waiting included. A request may ask for fewer.")
    ] = 60.0
    head_s: Annotated[float, Meta(gt=0, description="Seconds for the head of a request to arrive.")] = 10.0
    body_s: Annotated[float, Meta(gt=0, description="Seconds for the body of a request to arrive.")] = 30.0
    body_bytes: Annotated[int, Meta(ge=1024, description="The longest body of JSON.")] = 4 * 2**20
    upload_bytes: Annotated[int, Meta(ge=1024, description="The longest body with pictures or sounds.")] = 25 * 2**20
    batch: Annotated[int, Meta(ge=1, description="Inputs of one batch at most.")] = 256
    shadows: Annotated[int, Meta(ge=0, description="Silent answers of a challenger at once; others are left out.")] = 16
    drain_s: Annotated[float, Meta(gt=0, description="Seconds for requests in flight to end at a shutdown.")] = 30.0
    sync: Annotated[
        Sync,
        Meta(
            description="When the journal is forced onto the disk: always before an answer is given; every interval of "
            "a fifth of a second; never by us. Whatever it is, no answer is lost when the process is killed: this is "
            "about the machine losing its power."
        ),
    ] = "interval"
    journal_bytes: Annotated[
        int, Meta(ge=2**20, description="The most that waits on disk for a store that is away; then 503.")
    ] = 2**30
    proxies: Annotated[tuple[str, ...], Meta(description="Proxies whose X-Forwarded-For is believed, by address.")] = ()
    origins: Annotated[tuple[str, ...], Meta(description="Origins of web pages that may call (CORS).")] = ()
    leave_aside: Annotated[
        tuple[str, ...],
        Meta(
            description="Parameters of OpenAI's clients that are left aside where they ask for what a release does not "
            "do (temperature, max_tokens); others are refused."
        ),
    ] = ()
    traces: Annotated[
        str, Meta(description="Where traces go (OTLP over HTTP). Default: OTEL_EXPORTER_OTLP_ENDPOINT, if set.")
    ] = ""
    content: Annotated[
        ContentPolicy, Meta(description="Whether inputs and outputs are kept; part of every release made from here on.")
    ] = ContentPolicy()
