"""A release in a folder: `release.json` says what it is, and the files under `artefacts/` are listed in it with hashes.

Knows nothing about what is in the files, or who answers.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from merits.candidates.imports import versions
from merits.candidates.keeping import kept_json
from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.kinds import Reads
from merits.core.reference import Reference
from merits.core.release import Artefact, LearnedPart, Release

__all__ = [
    "ARTEFACTS",
    "FILES",
    "HELD",
    "LESSONS",
    "MANIFEST",
    "MODELS",
    "REFERENCE",
    "How",
    "Manifest",
    "Member",
    "artefact_of",
    "artefacts_in",
    "check_artefacts",
    "installed",
    "learned_in",
    "read_release",
    "reference_in",
    "write_release",
]

How: TypeAlias = Literal["as it is", "kept", "learns at start"]

ARTEFACTS = "artefacts"  # and in it:
MANIFEST, LESSONS, HELD, MODELS, FILES = "manifest.json", "lessons.jsonl", "held.json", "models", "files"
REFERENCE = "reference.json"
_RELEASE = "release.json"
_READ_AT_ONCE = 1 << 20
_PACKAGES = (  # what changes what a candidate answers, to say which of them differs
    *("merits", "sklearn", "numpy", "scipy", "lightgbm", "xgboost", "implicit", "river", "skops", "safetensors"),
    *("torch", "transformers", "tokenizers", "onnxruntime", "onnx", "diffusers", "sentence_transformers", "xllamacpp"),
    *("PIL", "soundfile", "faster_whisper", "ctranslate2"),
)


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of a release. `version` is what was evaluated, `fingerprint` what the code here must come to as well.

    `how` is how it comes to what it learned, `why` why it must learn at the start.
    """

    candidate: Candidate
    version: str
    fingerprint: str
    parts: tuple[int, ...] = ()
    how: How = "as it is"
    why: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in a release: its members, of which the first is the candidate and the next are the fallbacks."""

    members: tuple[Member, ...]
    packages: dict[str, str]
    named: tuple[Reads, ...] | None = None
    assets: tuple[str, ...] = ()  # where models lay that are named and not copied
    outside: dict[str, str] = {}  # large folders that recipes name, and where they lay
    format: int = 1


def reference_in(folder: Path) -> Reference | None:
    """What live traffic of a release is held against; None where its folder holds nothing of that.

    DataError where it cannot be read.
    """
    path = folder / ARTEFACTS / REFERENCE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Reference)
    except (OSError, msgspec.MsgspecError) as problem:
        raise DataError(f"{path} cannot be read: {problem}.", "Make the release again: merits release") from None


def learned_in(release: Release, folder: Path) -> tuple[LearnedPart, ...]:
    """What learns in a release, and how each comes to what it learned; empty where the folder is not there."""
    manifest = folder / ARTEFACTS / MANIFEST
    if not manifest.is_file():
        return ()
    found = []
    for number, member in enumerate(kept_json(manifest, Manifest).members):
        own = f"{ARTEFACTS}/{MODELS}/{number}/"
        if member.how != "as it is":
            part = LearnedPart(
                name=member.candidate.name,
                kind=member.candidate.kind,
                kept=member.how == "kept",
                n_bytes=sum(one.n_bytes for one in release.artefacts if one.path.startswith(own)),
                why=member.why,
            )
            found.append(part)
    return tuple(found)


def installed() -> dict[str, str]:
    """The versions here of what may change an answer; without what is not installed."""
    found = {name: version for name, version in versions(*_PACKAGES).items() if version}
    return {"python": sys.version.split()[0], **found}


def write_release(release: Release, folder: Path) -> None:
    """Writes `release.json`, on disk when this returns."""
    with (folder / _RELEASE).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(release), indent=2))
        file.flush()
        os.fsync(file.fileno())


def read_release(folder: Path) -> Release:
    """The release in a folder; DataError where there is none, or what lies there is none."""
    file = folder / _RELEASE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Release)
    except OSError as problem:
        raise DataError(f"there is no release in {folder} ({problem.strerror}).", "Make one: merits release") from None
    except msgspec.MsgspecError as problem:
        raise DataError(f"{file} is no release: {problem}.", "Make it again: merits release") from None


def check_artefacts(release: Release, folder: Path) -> None:
    """Nothing where the files under `artefacts/` are those of the release, to the byte; else a DataError.

    A file that is missing, changed, or not in the release is named. Links are not followed: there are none in one.
    """
    known = {artefact.path: artefact for artefact in release.artefacts}
    there = {file.relative_to(folder).as_posix(): file for file in _files_in(folder / ARTEFACTS)}
    whose = f"release {release.version} of {release.task_name}"
    again = "Copy its folder again from where it was made, or make a new one: merits release"
    for path in sorted(known.keys() | there.keys()):
        if path not in there:
            raise DataError(f"{whose}: {path} is not there.", again)
        if path not in known:
            raise DataError(f"{whose}: {path} is no part of it.", f"Take the file away. {again}")
        if there[path].is_symlink() or artefact_of(folder, there[path]) != known[path]:
            raise DataError(f"{whose}: {path} is not what it was when it was released.", again)


def artefacts_in(folder: Path) -> tuple[Artefact, ...]:
    """What lies under `artefacts/` of a folder, sorted by path."""
    return tuple(artefact_of(folder, file) for file in _files_in(folder / ARTEFACTS))


def _files_in(home: Path) -> list[Path]:
    return sorted(file for file in home.rglob("*") if file.is_symlink() or not file.is_dir())


def artefact_of(folder: Path, file: Path) -> Artefact:
    """A file of a release's folder, as the release lists it."""
    digest, n_bytes = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while piece := opened.read(_READ_AT_ONCE):
            digest.update(piece)
            n_bytes += len(piece)
    return Artefact(path=file.relative_to(folder).as_posix(), sha256=digest.hexdigest(), n_bytes=n_bytes)
