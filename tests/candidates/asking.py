"""How tests ask a model of the fake provider: the context, the question, and the failure."""

from __future__ import annotations

import asyncio
import struct
import wave
from collections.abc import Mapping
from pathlib import Path

import pytest

from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON
from merits.testing.provider import FakeProvider

__all__ = ["ask", "dot", "failed", "remote", "tone"]


def remote(
    kind: str, fake: FakeProvider, folder: Path = Path(), /, *, env: Mapping[str, str] | None = None, **params: JSON
) -> Model:
    """A model of a kind that asks the fake provider, in a generation."""
    context = LoadContext(folder=folder, task_kind="generation", env=env or {})
    params = {"model": "small", "base_url": fake.base_url, **params}
    return load(Candidate(name="mine", kind=kind, params=params), context)


def ask(model: Model, input: JSON = "Is it?") -> Answer:
    """The answer; the model is closed."""

    async def once() -> Answer:
        try:
            return await model.answer(input)
        finally:
            await model.close()

    return asyncio.run(once())


def failed(model: Model, input: JSON = "Is it?") -> AskFailed:
    """How asking failed."""
    with pytest.raises(AskFailed) as caught:
        ask(model, input)
    return caught.value


def dot(folder: Path, name: str = "dot.png") -> Path:
    """A small file that is called a picture."""
    file = folder / name
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 20)
    return file


def tone(folder: Path, name: str = "tone.wav") -> Path:
    """Half a second of sound."""
    file = folder / name
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack("<4000h", *([0] * 4000)))
    return file
