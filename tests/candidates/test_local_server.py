"""A real small model behind a real OpenAI-compatible server on this machine: no account, no key, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.candidates.offered import offered
from merits.candidates.providers import Endpoint
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.media.assets import asset_folders
from tests.candidates.asking import ask

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILES = [folder / NAME for folder in asset_folders(Path(__file__).parents[2], {})]
SCHEMA: dict[str, JSON] = {
    "type": "object",
    "properties": {"capital": {"type": "string"}},
    "required": ["capital"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Where llama.cpp's own server serves the model."""
    runtime = pytest.importorskip("xllamacpp", reason="needs the extra gguf")
    file = next((file for file in FILES if file.is_file()), None)
    if file is None:
        pytest.skip(f"{NAME} is not there: make assets")
    options = runtime.CommonParams()
    options.model.path = str(file)
    options.hostnames, options.port = ["127.0.0.1"], 0
    options.n_ctx, options.n_parallel, options.verbosity, options.warmup = 1024, 1, -1, False
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
    server = runtime.Server(options)
    yield f"{server.listening_address}/v1"
    del server


def said(base_url: str, kind: str = "generation", classes: tuple[str, ...] = (), **params: JSON) -> Answer:
    """What the model says to one question."""
    recipe: dict[str, JSON] = {
        "model": "smol",
        "base_url": base_url,
        "parameters": {"temperature": 0, "max_tokens": 24},
    }
    context = LoadContext(task_kind=kind, classes=classes, env={})
    model = load(Candidate(name="smol", kind="chat", params={**recipe, **params}), context)
    return ask(model, "What is the capital of France?")


def test_a_real_server_is_asked_whole_and_streamed(base_url: str) -> None:
    """The same answer both ways, with its tokens and who gave it."""
    whole, streamed = said(base_url), said(base_url, stream=True)
    assert isinstance(whole.output, str)
    assert whole.output == streamed.output != ""
    for answer in (whole, streamed):
        usage = answer.usage
        assert usage.output_tokens == 24
        assert usage.input_tokens + usage.cache_read_tokens > 10
        assert (usage.unmetered, answer.finish_reason) == (0, "length")
        assert NAME in answer.model


def test_a_real_server_answers_in_the_form_of_a_schema(base_url: str) -> None:
    """Which makes even a very small model say the right thing."""
    assert said(base_url, response_schema=SCHEMA).output == {"capital": "Paris"}


def test_a_real_server_tells_its_models_and_token_probabilities(base_url: str) -> None:
    """`merits models` and `logprobs` with nothing fake about them."""
    (model,) = asyncio.run(offered(Endpoint("openai", base_url, {})))
    assert NAME in model.id
    confidence = said(base_url, logprobs=True).confidence
    assert confidence is not None
    assert 0 < confidence < 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_real_server_gives_each_label_a_probability(base_url: str, stream: bool) -> None:
    """The chance of a label is what the model holds of it, if it must say one: zero-shot, in one call."""
    shown = [{"input": f"What is the capital of {a}?", "output": b} for a, b in (("Italy", "Rome"), ("Peru", "Lima"))]
    asked: dict[str, JSON] = {"logprobs": True, "stream": stream, "examples": shown}  # type: ignore[dict-item]
    answer = said(base_url, "classification", ("Paris", "Berlin", "Rome"), **asked)
    assert answer.output == "Paris"
    assert answer.probabilities is not None
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert max(answer.probabilities, key=lambda label: (answer.probabilities or {})[label]) == "Paris"
    assert answer.probabilities["Berlin"] > 1e-4
