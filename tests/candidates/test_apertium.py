"""Apertium as a process that stays says what a process of its own would say, and names what is missing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merits.candidates.apertium import as_stream, from_stream
from merits.candidates.null_flushed import NullFlushed
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError

needs_apertium = pytest.mark.skipif(
    not Path("/usr/share/apertium/modes/eng-spa.mode").is_file(),
    reason="Apertium is not installed (Debian: apt-get install apertium apertium-eng-spa)",
)
TEXTS = [
    "I have a cat.",
    "Where is the house [of] $5 ^x? 3/4 <b>@{} a\\b",
    "Where is the dog",
    "two  spaces\tand a tab",
    "A line.\nAnother line",
    "A heading\n\nand what stands below it.",
    "Ünknöwn wörds: zzyzx",
    "",
    "[brackets\\] and \\\\ slashes \\",
    "non-breaking\u00a0space… “quoted”",
]


def model(**params: str) -> Model:
    context = LoadContext(task_kind="translation", timeout_s=30)
    return load(Candidate(name="rules", kind="apertium", params={"pair": "eng-spa", **params}), context)


def ask(asked: Model, texts: list[str]) -> list[str]:
    async def all_of_them() -> list[str]:
        try:
            return [str(answer.output) for answer in await asyncio.gather(*map(asked.answer, texts))]
        finally:
            await asked.close()

    return asyncio.run(all_of_them())


@needs_apertium
def test_each_text_is_translated_as_by_a_process_of_its_own() -> None:
    """Nothing of one text spills into the next, and what is special to Apertium comes back as it was."""
    command = ["apertium", "-u", "eng-spa"]
    own = [subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout for text in TEXTS]
    assert ask(model(), TEXTS) == [text.strip() for text in own]


@needs_apertium
@pytest.mark.parametrize("text", [text for text in TEXTS if text])
def test_the_stream_is_what_apertium_itself_makes(text: str) -> None:
    """And it is turned back without loss."""
    theirs = subprocess.run(["apertium-destxt"], input=text, capture_output=True, text=True, check=True).stdout
    assert as_stream(text) == theirs
    assert from_stream(as_stream(text)) == text


@needs_apertium
def test_a_pair_that_is_not_installed_is_named_with_those_that_are() -> None:
    """And the near miss, or the package to install."""
    with pytest.raises(CandidateError, match=r"'rules': Apertium has no pair 'eng-sap'.* eng-spa.* Did you mean"):
        model(pair="eng-sap")
    with pytest.raises(CandidateError, match="apt-get install apertium apertium-cat-ita"):
        model(pair="ita-cat")


def test_where_apertium_is_not_installed_the_package_is_named() -> None:
    """The next step is a command."""
    context = LoadContext(task_kind="translation", env={"PATH": "/nowhere"})
    with pytest.raises(CandidateError, match="apt-get install apertium apertium-eng-spa"):
        load(Candidate(name="rules", kind="apertium", params={"pair": "eng-spa"}), context)


ECHO = """
import sys
data = b""
while piece := sys.stdin.buffer.read1():
    data += piece
    *whole, data = data.split(b"\\0")
    for text in whole:
        if text == b"die":
            sys.exit("out of words")
        if text == b"hang":
            import time; time.sleep(60)
        sys.stdout.buffer.write(text.upper() + b"\\0")
        sys.stdout.buffer.flush()
"""


def echo() -> NullFlushed:
    return NullFlushed([sys.executable, "-c", ECHO], os.environ)


def test_a_process_that_ended_is_started_again() -> None:
    """The text that it died of fails, with its last words; the next one is answered."""
    process = echo()
    assert process.exchange(["a", "b\0c"], 10) == ["A", "B C"]
    with pytest.raises(RuntimeError, match="out of words"):
        process.exchange(["d", "die", "e"], 10)
    assert process.exchange(["f"], 10) == ["F"]
    process.close()
    process.close()


def test_a_process_that_hangs_is_ended() -> None:
    """The next text does not wait for it."""
    process = echo()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        process.exchange(["hang"], 0.5)
    assert process.exchange(["f"], 10) == ["F"]
    assert time.monotonic() - begun < 30
    process.close()


def test_more_than_a_pipe_holds_does_not_lock_up() -> None:
    """Replies are read while texts are still being sent."""
    process = echo()
    texts = ["a" * 300_000, "b", "c" * 300_000]
    assert process.exchange(texts, 30) == [text.upper() for text in texts]
    process.close()


def test_closing_ends_what_the_process_had_started() -> None:
    """Apertium is a chain of a dozen programs."""
    process = NullFlushed([sys.executable, "-c", STARTS_ANOTHER], os.environ)
    [other] = process.exchange(["who?"], 10)
    os.kill(int(other), 0)
    process.close()
    for _ in range(100):
        try:
            state = Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("it is still running")


STARTS_ANOTHER = """
import subprocess, sys
other = subprocess.Popen(["sleep", "60"])
sys.stdout.buffer.write(f"{other.pid}\\0".encode())
sys.stdout.buffer.flush()
other.wait()
"""
