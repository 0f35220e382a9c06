"""What a candidate said: facts, kept raw, paid for once."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.identity import JSON

__all__ = ["TOKEN_KINDS", "Answer", "Failure", "FailureKind", "Usage"]

FailureKind: TypeAlias = Literal[
    "timeout", "rate_limited", "server_error", "connection", "unauthorised", "bad_request", "out_of_memory", "raised"
]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one answer used. Token kinds are disjoint: they sum to the total, and none is negative.

    `cache_write_1h_tokens` were written to a cache that lasts an hour, `cache_write_tokens` to any other;
    `audio_tokens` were heard, `audio_output_tokens` spoken.

    `machine_s` are seconds of this machine, or of a server of one's own, that the answer took (its share of a
    batch, or of all in flight); 0 for remote models that are paid by token or by call. `attempts` counts every try,
    the failed ones too, and the tokens are those of all of them. `unmetered` counts the attempts that may be on the
    bill and whose tokens the provider did not tell: what they cost is not known. `service_tier` is what the
    provider billed it as ("batch", "flex", "priority"); "" is the standard.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    audio_output_tokens: int = 0
    image_tokens: int = 0
    machine_s: float = 0.0
    attempts: int = 1
    unmetered: int = 0
    service_tier: str = ""


class Failure(msgspec.Struct, frozen=True):
    """Why a candidate could not be asked. `kind` is stable; `message` is for people and holds no secret.

    `retry_after_s` is how long the provider asked to wait, if it did.
    """

    kind: FailureKind
    message: str
    retry_after_s: float | None = None


TOKEN_KINDS = tuple(name.removesuffix("_tokens") for name in Usage.__struct_fields__ if name.endswith("_tokens"))
NO_USAGE = Usage()
STANDARD = ("", "default", "standard", "auto", "on_demand")  # service tiers at the list price


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer of a candidate, or the reason why there is none (`failure`).

    `output` is raw: a chat model's text as it came, a classifier's label. Reading a label or a number out of a text
    is a scorer's business, so that a better reader re-scores without asking again. `probabilities` maps classes to
    0..1 where a model gives them; `confidence` is its probability of being right where it gives only that.
    `latency_s` is what a caller waited for the last attempt. `model` is who the provider says answered, and
    `system_fingerprint` on what. `refused` is where the model was asked and said no: `output` then holds what it said
    instead of an answer. `finish_reason` is why it stopped, where that is not simply its end ("length": cut off).
    `untimed` is where it was imported and nobody wrote down how long it took. `consulted` are the numbers of the parts
    that a composite asked for it: what they used is on their own answers.
    """

    output: JSON = None
    probabilities: dict[str, float] | None = None
    confidence: float | None = None
    usage: Usage = NO_USAGE
    latency_s: float = 0.0
    failure: Failure | None = None
    model: str = ""
    system_fingerprint: str = ""
    refused: bool = False
    finish_reason: str = ""
    untimed: bool = False
    consulted: tuple[int, ...] = ()
