"""An address of an endpoint is an address and nothing else: keys in it would be stored with the recipe."""

from __future__ import annotations

import base64

import pytest

from merits.candidates.providers import base_url_of
from merits.candidates.registry import LoadContext, load
from merits.candidates.secret_paths import secrets_in_path
from merits.candidates.wire import Connection
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.secrets import redact


@pytest.mark.parametrize(
    "address",
    ["https://me@host/v1", "https://me:pass@host/v1", "https://host/v1?key=abcdefgh", "https://host/v1#abcdefgh"],
)
def test_an_address_with_credentials_is_refused_and_not_shown(address: str) -> None:
    candidate = Candidate(name="rented", kind="chat", params={"model": "m", "base_url": address})
    with pytest.raises(CandidateError, match="OPENAI_API_KEY") as problem:
        load(candidate, LoadContext())
    assert "abcdefgh" not in str(problem.value)
    assert "pass@" not in str(problem.value)


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1",
        "/v1beta/openai",
        "/openai/deployments/gpt-4o-mini-2024-07-18-production",
        "/compatible-mode/v1",
        "/generativelanguage/v1",
        "/meta-llama/Llama-3.3-70B-Instruct-Turbo/v1",
        "/publishers/anthropic/models/claude-sonnet-4-5-20250929",
    ],
)
def test_names_in_a_path_are_no_secrets(path: str) -> None:
    """What is taken for a secret is hidden everywhere, and a model's name must stay readable."""
    assert secrets_in_path(f"https://host{path}") == []


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abc-1234",
        "zq7Xw2Kp9Lm4Rt8Vb3Nc6Yd1Hg5Jf0Sa",
        "0123abcd4567ef890123abcd4567ef89",
        "my-gateway-token-42",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "qwErTyUiOpAsDfGhJkLzXc",
    ],
)
def test_a_token_in_a_path_is_hidden(secret: str) -> None:
    """Wherever it is shown, also as it was percent-encoded."""
    base_url_of("openai", f"https://host/{secret}/v1", {})
    assert redact(f"https://host/{secret}/v1: refused") == "https://host/***/v1: refused"
    base_url_of("openai", "", {"OPENAI_BASE_URL": "https://host/key/p%40ssw0rd/v1"})
    assert redact("no route p%40ssw0rd, p@ssw0rd") == "no route ***, ***"


def test_a_proxys_password_is_hidden_as_it_is_meant_too() -> None:
    """The proxy and its messages know it decoded, and "Basic" is the base64 of both user and password."""
    Connection("http://host/v1", {}, env={"http_proxy": "http://me:s%40cr3t%2Fpass@proxy:3128"})
    encoded = base64.b64encode(b"me:s@cr3t/pass").decode()
    assert redact("407 for s@cr3t/pass, s%40cr3t%2Fpass") == "407 for ***, ***"
    assert encoded not in redact(f"Basic {encoded}")
