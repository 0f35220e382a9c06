"""Who answered, as the provider says, is kept with every answer of every remote kind, and a change is reported."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec, Task
from merits.evaluating import evaluate
from merits.store import open_store
from merits.testing.provider import FakeProvider
from tests.candidates.asking import tone

KINDS: dict[str, tuple[str, dict[str, JSON]]] = {
    "chat": ("chat", {}),
    "chat streamed": ("chat", {"stream": True}),
    "anthropic": ("anthropic", {}),
    "anthropic streamed": ("anthropic", {"stream": True}),
    "embeddings": ("embeddings-remote", {}),
    "transcription": ("transcription", {}),
    "image": ("image", {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_who_answered_is_kept_and_a_change_is_reported(name: str, tmp_path: Path) -> None:
    """The provider puts another model behind the name after half of the questions."""
    kind, more = KINDS[name]
    inputs = [f"text {n}" for n in range(4)]
    if kind == "transcription":
        inputs = [tone(tmp_path, f"{n}.wav").name for n in range(4)]
    dev = [
        Example(f"d{n}", f"{'good' if n % 2 else 'bad'} {n}", "yes" if n % 2 else "no", split="dev") for n in range(6)
    ]
    with FakeProvider(lambda messages: "yes", model="m-08", system_fingerprint="fp_1") as provider:
        recipe = {"model": "m", "base_url": provider.base_url, **more}
        candidate = Candidate(name="mine", kind=kind, params=recipe)

        def task(n: int) -> Task:
            test = [
                Example(f"t{n}", text, "yes", files={text: f"audio/wav {n}"} if "." in text else {})
                for n, text in enumerate(inputs[:n])
            ]
            classes = ("no", "yes") if kind == "embeddings-remote" else ()
            return Task(
                name="t",
                kind="classification" if classes else "generation",
                examples=(*dev, *test),
                scorers=(ScorerSpec("normalised"),),
                classes=classes,
                folder=str(tmp_path),
            )

        with closing(open_store(tmp_path / "store.sqlite")) as store:

            def run(n: int) -> dict[str, str]:
                found = asyncio.run(evaluate(task(n), [candidate], store=store, env={"OPENAI_API_KEY": "any"}))
                kept = store.answers(found.versions[0]).values()
                assert {answer.model for answer in kept} == {"m-08", provider.model}
                if not kind.startswith("anthropic"):  # their words have no fingerprint
                    assert {answer.system_fingerprint for answer in kept} == {"fp_1", provider.system_fingerprint}
                return dict(found.facts)

            assert "not always the same behind mine" not in run(2)
            provider.model, provider.system_fingerprint = "m-11", "fp_2"
            said = run(4)["not always the same behind mine"]
    assert "m-08 (" in said
    assert "m-11 (" in said
    assert ("fp_2" in said) == (not kind.startswith("anthropic"))
