"""Other providers through any-llm-sdk, pointed at the fake provider."""

from __future__ import annotations

import asyncio

import pytest

from merits.core.answer import Answer, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.testing.provider import FakeProvider, Fault, Said
from tests.candidates.asking import ask, failed, remote

pytest.importorskip("any_llm", reason="any-llm-sdk is not installed: pip install 'merits[any-llm]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

KEY = "sk-any-0123456789"


def model(provider: FakeProvider, of: str = "openai", **params: JSON) -> Model:
    """A model of a provider, with the fake one behind it."""
    env = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    base_url = provider.base_url.removesuffix("/v1") if of == "anthropic" else provider.base_url
    return remote("any-llm", provider, env=env, **{"provider": of, "base_url": base_url, **params})


@pytest.mark.parametrize("of", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_comes_with_its_usage(of: str, stream: bool) -> None:
    """Whoever's words are spoken behind the package."""
    with FakeProvider(lambda messages: "Yes, it is.", cached_tokens=1, api_key=KEY) as provider:
        answer = ask(model(provider, of, stream=stream), "Is it so?")
    assert answer.output == "Yes, it is."
    assert answer.usage == Usage(input_tokens=2, cache_read_tokens=1, output_tokens=3)


def test_tools_and_refusals_are_understood() -> None:
    """As with the kinds that speak for themselves."""
    tools: list[JSON] = [{"name": "route", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}]
    with FakeProvider(lambda messages: "home") as provider:
        assert ask(model(provider, tools=tools)).output == [{"name": "route", "arguments": {"to": "home"}}]
    with FakeProvider(lambda messages: Said(refusal="No.", finish="refusal")) as provider:
        answer = ask(model(provider))
    assert (answer.output, answer.refused) == ("No.", True)


@pytest.mark.parametrize(
    ("fault", "kind"), [("rate_limit", "rate_limited"), ("server_error", "server_error"), ("reset", "connection")]
)
def test_what_goes_wrong_is_told_apart_and_asked_once(fault: str, kind: str) -> None:
    """Trying again is the meter's business: the package's own attempts would not be counted."""
    with FakeProvider(faults=[Fault(fault, retry_after_s=3 if fault == "rate_limit" else None)]) as provider:  # type: ignore[arg-type]
        found = failed(model(provider)).failure
        assert len(provider.requests) == 1
    assert (found.kind, found.retry_after_s) == (kind, 3.0 if fault == "rate_limit" else None)


def test_a_wrong_key_is_unauthorised_and_a_missing_one_is_named() -> None:
    """And it is never shown."""
    with FakeProvider(api_key="another") as provider:
        found = failed(model(provider)).failure
        assert found.kind == "unauthorised"
        assert KEY not in found.message
        with pytest.raises(CandidateError, match="OPENAI_API_KEY is not set"):
            remote("any-llm", provider, provider="openai")
        with pytest.raises(CandidateError, match="no provider 'opnai'"):
            remote("any-llm", provider, provider="opnai")


def test_many_may_be_asked_at_once() -> None:
    """Answers do not mix."""
    with FakeProvider() as provider:
        asked = model(provider)

        async def all_of_them() -> list[Answer]:
            try:
                return list(await asyncio.gather(*(asked.answer(f"question {n}") for n in range(20))))
            finally:
                await asked.close()

        assert [answer.output for answer in asyncio.run(all_of_them())] == [f"question {n}" for n in range(20)]
