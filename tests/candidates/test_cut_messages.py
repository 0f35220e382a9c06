"""A key that a provider repeats is found in no message, in whole or in part, wherever the message is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from merits.candidates import anthropic_batches, completions, messages, openai_batches
from merits.candidates.meter import AskFailed, failure_of
from merits.candidates.offered import offered_in
from merits.candidates.providers import Dialect, Endpoint
from merits.core.answer import Failure

KEY = "zq7Xw2Kp9Lm4Rt8Vb3Nc6Yd1Hg5Jf0Sa"
PIECES = [KEY[at : at + 4] for at in range(len(KEY) - 3)]
PADDINGS = range(0, 311)


def raised(reader: Callable[[bytes], object], reply: str) -> str:
    with pytest.raises(AskFailed) as caught:
        reader(reply.encode())
    return failure_of(caught.value).message


def failed(found: Failure | None) -> str:
    assert found is not None
    return found.message


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint("openai", "http://localhost:9/v1", {"OPENAI_API_KEY": KEY})


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_an_error_of_any_length_leaks_nothing(dialect: Dialect) -> None:
    """As JSON, as plain text, and as an object without a message."""
    name = f"{dialect.upper()}_API_KEY"
    endpoint = Endpoint(dialect, "http://localhost:9/v1", {name: KEY}, dialect=dialect)
    for padding in PADDINGS:
        said = f"{'x' * padding} {KEY}"
        for body in (f'{{"error": {{"message": "{said}"}}}}', said, f'{{"other": "{said}"}}'):
            found = endpoint._failure(500, body, {}).message
            assert not any(piece in found for piece in PIECES), (padding, found)


@pytest.mark.parametrize(
    "reader",
    [
        lambda reply: completions.answer_in(reply, whole=True),
        messages.answer_in,
        lambda event: completions.Gathered().take(event),
        lambda event: messages.GatheredMessage().take(event),
    ],
)
@pytest.mark.parametrize("form", ["{said}", '{{"type": "error", "error": {{"message": "{said}"}}}}'])
def test_a_reply_that_cannot_be_read_leaks_nothing(
    endpoint: Endpoint, reader: Callable[[bytes], object], form: str
) -> None:
    """Text where JSON should be, and an error where an answer should be, whole or streamed."""
    for padding in PADDINGS:
        found = raised(reader, form.format(said=f"{'é' * padding} {KEY}"))
        assert not any(piece in found for piece in PIECES), (padding, found)


def test_a_list_of_models_that_cannot_be_read_leaks_nothing(endpoint: Endpoint) -> None:
    """A page of a proxy where the list should be."""
    for padding in PADDINGS:
        found = raised(offered_in, f"{'x' * padding} {KEY}")
        assert not any(piece in found for piece in PIECES), (padding, found)


def test_a_failed_line_of_a_batch_leaks_nothing(endpoint: Endpoint) -> None:
    """Both dialects quote the request in their batch results' errors."""
    for padding in PADDINGS:
        error = f'{{"type": "api_error", "message": "{"x" * padding} {KEY}"}}'
        theirs = anthropic_batches.result_of(
            f'{{"custom_id": "a", "result": {{"type": "errored", "error": {{"error": {error}}}}}}}'.encode()
        )
        ours = openai_batches.result_of(f'{{"custom_id": "a", "error": {error}}}'.encode())
        body = f'{{"custom_id": "a", "response": {{"status_code": 500, "body": {{"error": {error}}}}}}}'
        replied = openai_batches.result_of(body.encode())
        for result in (theirs, ours, replied):
            assert not any(piece in failed(result.failure) for piece in PIECES), padding
