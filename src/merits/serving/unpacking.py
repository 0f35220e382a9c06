"""Opens the folder of a release into models that have learned and answer, once every file was looked at.

Knows nothing about how questions are asked, and of fallbacks only that they come after the candidate.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from merits.candidates.environment import environment, read_env_file
from merits.candidates.keeping import kept_json
from merits.candidates.registry import LoadContext, load_any
from merits.candidates.studying import Studious
from merits.core.answer import Answer
from merits.core.doors import Composite, Model, Portable, Pupil, Trainable
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON
from merits.core.release import Release
from merits.core.task import Example
from merits.serving.package import (
    ARTEFACTS,
    FILES,
    HELD,
    LESSONS,
    MANIFEST,
    MODELS,
    Manifest,
    Member,
    check_artefacts,
    installed,
)

__all__ = ["Loaded", "opened"]


@dataclass(frozen=True)
class Loaded:
    """A member, ready to answer."""

    member: Member
    model: Model | Composite


def opened(
    release: Release,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    allow_changed: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[list[Loaded], Path, int]:
    """The members of a release, each with what it learned; the folder that their files were copied to; and how many
    of them are asked first or in turn: the candidate and its fallbacks. Blocks.

    The files are checked first. They are copied, so that the release's own folder may be read-only, and what is
    written beside them is gone when that folder is taken away. Raises DataError for artefacts that are not as they
    were, and CandidateError for a candidate that is another one here (its code, or a library), unless `allow_changed`:
    then `note` is told.
    """
    check_artefacts(release, folder)
    home = folder / ARTEFACTS
    manifest = kept_json(home / MANIFEST, Manifest)
    asked = (release.candidate, *release.fallbacks)
    if [m.candidate.id for m in manifest.members[: len(asked)]] != [candidate.id for candidate in asked]:
        raise DataError(f"{home / MANIFEST} is of another release.", "Make a new one: merits release")
    root = Path(tempfile.mkdtemp(prefix="merits-release-"))
    try:
        if (home / FILES).is_dir():
            shutil.copytree(home / FILES, root, dirs_exist_ok=True)
        for name, place in manifest.outside.items():
            if Path(place).is_dir() and not (root / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).symlink_to(place)
        variables = _variables(folder, manifest, env)
        context = _context(release, root, manifest, variables, home / HELD)
        opener = _Opener(home, manifest, replace(context, note=note), allow_changed)
        found = [opener.loaded(number) for number in range(len(manifest.members))]
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return found, root, len(asked)


def _variables(folder: Path, manifest: Manifest, env: Mapping[str, str] | None) -> dict[str, str]:
    """The environment's variables, those of a file .env beside `.merits` or here, and where models lie."""
    found = dict(os.environ) if env is None else dict(env)
    parents = folder.resolve().parents
    for place in (*([parents[3]] if len(parents) > 3 else []), Path.cwd()):
        if (place / ".env").is_file():
            found = {**read_env_file(place / ".env"), **found}
    there = next((place for place in manifest.assets if Path(place).is_dir()), None)
    if there is not None:
        found.setdefault("MERITS_ASSETS", there)
    return found


def _context(release: Release, root: Path, manifest: Manifest, variables: Mapping[str, str], held: Path) -> LoadContext:
    hashes = frozenset(kept_json(held, list[str])) if held.is_file() else frozenset()
    context = LoadContext(
        folder=root,
        task_kind=release.kind,
        classes=release.classes,
        env=variables,
        timeout_s=release.settings.timeout_s,
        seed=release.settings.seed,
        named=manifest.named,
        columns=release.inputs,
        held=lambda: hashes,
    )
    environment(context)  # its secrets are redacted from now on
    return context


class _Opener:
    """Makes the members of a release, one by one."""

    def __init__(self, home: Path, manifest: Manifest, context: LoadContext, allow_changed: bool) -> None:
        self._home, self._manifest, self._context, self._allows = home, manifest, context, allow_changed
        self._examples: list[Example] | None = None

    def loaded(self, number: int) -> Loaded:
        """The member of that number; CandidateError where it is another one here."""
        member, place = self._manifest.members[number], self._home / MODELS / str(number)
        model = load_any(member.candidate, self._context)
        if model.fingerprint != member.fingerprint:
            self._changed(member)
        if member.how == "kept":
            if not isinstance(model, Portable):
                raise CandidateError(f"what {member.candidate.name!r} kept cannot be read here.", "Release it anew.")
            model.restore(place)
        elif member.how == "learns at start":
            self._context.note(f"{member.candidate.name} learns from {len(self._lessons()):,} examples")
            _learn(model, self._lessons(), place)
        return Loaded(member, model)

    def _lessons(self) -> list[Example]:
        if self._examples is None:
            decode = msgspec.json.Decoder(Example).decode
            with (self._home / LESSONS).open("rb") as lines:
                self._examples = [decode(line) for line in lines if line.strip()]
        return self._examples

    def _changed(self, member: Member) -> None:
        """Raises CandidateError for a candidate that is another one here, with what differs; tells where allowed."""
        here, then = installed(), self._manifest.packages
        differ = [
            f"{name} is {here.get(name, 'not installed')}, and was {then.get(name, 'not installed')}"
            for name in sorted(here.keys() | then.keys())
            if here.get(name) != then.get(name)
        ]
        what = "; ".join(differ[:4]) or "its code, its model files or its address"
        found = f"{member.candidate.name!r} is not what was released: {what}."
        if not self._allows:
            raise CandidateError(
                found,
                "Install what it was made with, or prove it as it is now: merits run, merits release. To serve it all "
                "the same: merits serve --allow-changed",
            )
        self._context.note(f"{found} It answers all the same, as asked; the promise is that of the other one.")


def _learn(model: Model | Composite, examples: Sequence[Example], place: Path) -> None:
    if isinstance(model, Studious):
        model.study(kept_json(place / "studied.json", dict[str, JSON]))
    if isinstance(model, Pupil):
        said = kept_json(place / "said.json", dict[str, dict[str, Answer]])
        model.learn(examples, {int(teacher): answers for teacher, answers in said.items()})
    else:
        assert isinstance(model, Trainable)
        model.fit(examples)
