"""Puts candidates that have learned into the folder of a release: what they learned, and the files that they need.

What can be kept is kept (`Portable`); what cannot learns again whenever it is opened, from examples that are in the
release. Files and code that a recipe names by a relative path are copied; models that lie among the assets, and large
folders, stay where they are: their hashes are in what identifies a candidate. Knows nothing about who answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from merits.candidates.imports import code_files, local_file
from merits.candidates.keeping import keep_json
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Composite, Model, Portable
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON
from merits.core.release import Artefact
from merits.core.task import Example
from merits.media.assets import asset_folders
from merits.media.finding import Media
from merits.serving.package import (
    ARTEFACTS,
    FILES,
    HELD,
    LESSONS,
    MANIFEST,
    MODELS,
    Manifest,
    Member,
    artefacts_in,
    installed,
)

__all__ = ["Learned", "packed"]

_LARGE = 64_000_000  # bytes of a folder that a recipe names; a larger one stays where it is, and its hash is known


class Learned(Protocol):
    """A candidate, or a part of one, that has learned; `parts` are its parts' numbers among all that go together."""

    @property
    def candidate(self) -> Candidate: ...

    @property
    def version(self) -> str: ...

    @property
    def model(self) -> object: ...

    @property
    def parts(self) -> tuple[int, ...]: ...

    @property
    def examples(self) -> Sequence[Example] | None: ...

    @property
    def said(self) -> Mapping[int, Mapping[str, Answer]]: ...

    @property
    def studied(self) -> Mapping[str, JSON]: ...


def packed(
    folder: Path,
    learned: Sequence[Learned],
    context: LoadContext,
    *,
    files: Sequence[str] = (),
    note: Callable[[str], None] = lambda text: None,
) -> tuple[Artefact, ...]:
    """The files that were written under `artefacts/` of a folder. `files` are further ones that code reads.

    CandidateError for a file that is not there. What a model learned is kept where that can be; where it cannot be, the
    examples are, and it learns from them whenever it is opened.
    """
    home = folder / ARTEFACTS
    home.mkdir(parents=True)
    media = Media.of(context)
    members = [_packed(home, number, each, media) for number, each in enumerate(learned)]
    taught = next((each for each, m in zip(learned, members, strict=True) if m.how == "learns at start"), None)
    if taught is not None:
        _write_lessons(home, taught.examples or (), media)
    outside = _copy_files(home, [each.candidate for each in learned], context, files)
    looked = getattr(context.held, "cache_info", None)  # whether anybody asked what the task holds
    if looked is not None and looked().currsize:
        keep_json(sorted(context.held()), home / HELD)
    for member in members:
        if member.why:
            note(f"{member.candidate.name}: learns again at each start, for {member.why}")
    assets = [str(place.resolve()) for place in asset_folders(context.folder, context.env) if place.is_dir()]
    manifest = Manifest(
        members=tuple(members),
        packages=installed(),
        named=context.named,
        assets=tuple(assets),
        outside=outside,
    )
    keep_json(manifest, home / MANIFEST)
    return artefacts_in(folder)


def _packed(home: Path, number: int, each: Learned, media: Media) -> Member:
    model = each.model
    assert isinstance(model, Model | Composite)
    member = Member(candidate=each.candidate, version=each.version, fingerprint=model.fingerprint, parts=each.parts)
    if each.examples is None:
        return member
    place = home / MODELS / str(number)
    place.mkdir(parents=True)
    if not isinstance(model, Portable):
        why = f"what {each.candidate.kind} learns is not kept."
    else:
        try:
            model.keep(place)
            return msgspec.structs.replace(member, how="kept")
        except (CandidateError, MissingExtra) as problem:
            why = problem.found
            shutil.rmtree(place)
            place.mkdir()
    keep_json({str(n): said for n, said in each.said.items()}, place / "said.json")
    keep_json(each.studied, place / "studied.json")
    return msgspec.structs.replace(member, how="learns at start", why=why)


def _write_lessons(home: Path, examples: Sequence[Example], media: Media) -> None:
    """The examples to learn from, and the pictures and sounds that they name."""
    encoder = msgspec.json.Encoder()
    with (home / LESSONS).open("wb") as file:
        for example in examples:
            file.write(encoder.encode(example) + b"\n")
    for name in {name for example in examples for name in example.files}:
        found = media.file(name)
        if found is not None and _stays_inside(name):
            _copied(found, home / FILES / name)


def _copy_files(
    home: Path, candidates: Sequence[Candidate], context: LoadContext, files: Sequence[str]
) -> dict[str, str]:
    """Copies what recipes name by a relative path, and the code; gives large folders that stay where they are."""
    root = Path(context.folder)
    outside: dict[str, str] = {}
    for name in files:
        if not _stays_inside(name) or not (root / name).exists():
            raise CandidateError(f"there is no file {name!r} in the task's folder.", "Name one, relative to it.")
    named = {*files, *(text for candidate in candidates for text in _texts_in(candidate))}
    for name in sorted(named):
        if not _stays_inside(name):
            continue
        place = root / name
        if place.is_file():
            _copied(place, home / FILES / name)
        elif place.is_dir():
            inside = [file for file in place.rglob("*") if file.is_file()]
            if sum(file.stat().st_size for file in inside) > _LARGE:
                outside[name] = str(place.resolve())
                continue
            for file in inside:
                _copied(file, home / FILES / file.relative_to(root))
        else:
            for file in _code_of(name, root):
                _copied(file, home / FILES / file.relative_to(root.resolve()))
    return outside


def _texts_in(candidate: Candidate) -> Iterator[str]:
    """All texts in a recipe, those of its parts too: what a copy was made of is a part, and no member of its own."""
    yield from _texts(candidate.params)
    for part in candidate.parts:
        yield from _texts_in(part)


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) < 1000 and "\n" not in value:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name.strip()) and not path.is_absolute() and ".." not in path.parts and path.parts != ()


def _code_of(name: str, root: Path) -> list[Path]:
    """The files of the task's folder that an import path rests on; [] where it is none."""
    module = name.partition(":")[0] if ":" in name else name.rpartition(".")[0]
    if not module or not all(part.isidentifier() for part in module.split(".")):
        return []
    file = local_file(module, root)
    return [] if file is None else sorted(code_files(file, root))


def _copied(file: Path, to: Path) -> None:
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
