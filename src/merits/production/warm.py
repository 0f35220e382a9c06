"""What a retrained candidate begins with: what the release of its recipe had learned, where it can go on from there.

Knows nothing about whether the outcome is any better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merits.candidates.further import further_examples, further_file
from merits.candidates.keeping import kept_json
from merits.candidates.registry import LoadContext, load
from merits.candidates.starting import start_in, written_start
from merits.core.candidate import Candidate
from merits.core.doors import Continuing, LiveStore
from merits.core.errors import MeritsError, TaskError
from merits.core.release import Release
from merits.core.task import Example, Task
from merits.opening import last_rollout, releases_folder

__all__ = ["LABEL", "Beginning", "base_of", "beginning", "taught_before"]

LABEL = "label_from_production"
_WARM = "warm-start"


@dataclass(frozen=True)
class Beginning:
    """What is trained: `student` is the candidate itself, or one that goes on from what release `version` had learned.

    `why` says why it is trained from nothing; "" where it goes on.
    """

    student: Candidate
    version: int | None = None
    why: str = ""


def base_of(candidate: Candidate) -> Candidate:
    """The candidate without what retraining put around it.

    >>> line = Candidate(name="line", kind="text-linear")
    >>> around = Candidate(name="line, retrained", kind="augmented", params={"target": LABEL}, parts=(line,))
    >>> base_of(around).name, base_of(line).name
    ('line', 'line')
    """
    while _is_around(candidate):
        (candidate,) = candidate.parts
    return candidate


def taught_before(candidate: Candidate) -> str:
    """The file with the fresh cases that a retrained candidate has learned; "" for one that was not retrained."""
    return str(candidate.params.get("extra", "")) if candidate.params.get("target") == LABEL else ""


def _is_around(candidate: Candidate) -> bool:
    """Whether it is one that retraining made: fresh cases, or a start, and the candidate inside."""
    made = candidate.kind == _WARM or (candidate.kind == "augmented" and candidate.params.get("target") == LABEL)
    return made and len(candidate.parts) == 1


def beginning(
    task: Task, memory: LiveStore, old: Candidate, new: Sequence[Example], *, home: Path, context: LoadContext
) -> Beginning:
    """What is trained when `old` is to learn these examples too, and what it begins with.

    It goes on from a release of exactly this candidate, with the files, the libraries and the examples to learn from
    that it was made with, where its kind can. What that release had learned is copied to `home`, in the task's folder.
    """
    base = base_of(old)
    try:
        version, kept = _kept_of(task, memory, old)
        known = _known(task, old, context)
        if not isinstance(load(base, context), Continuing):
            raise _Cold(f"{base.kind} begins anew whenever it learns")
        place, hash = written_start(home, kept, {example.input_hash for example in known})
        name = place.relative_to(task.folder).as_posix()
        student = Candidate(name=base.name, kind=_WARM, params={"start": name, "hash": hash}, parts=(base,))
        part = load(base, context)
        assert isinstance(part, Continuing)
        why = part.cannot_go_on(start_in(place, hash).model, known, new)
        return Beginning(base, why=why) if why else Beginning(student, version)
    except _Cold as cold:
        return Beginning(base, why=str(cold))
    except MeritsError as problem:  # a release that is not whole, say: training from nothing needs none
        return Beginning(base, why=problem.found.rstrip("."))
    except OSError as problem:
        raise TaskError(f"{home} cannot be written: {problem.strerror}.", "Check the permissions there.") from None


class _Cold(Exception):
    """Why it is trained from nothing."""


def _kept_of(task: Task, memory: LiveStore, old: Candidate) -> tuple[int, Path]:
    """The version of the release whose candidate is exactly this one, and where lies what its innermost part kept."""
    from merits.evaluating.taught import versions_now
    from merits.serving.package import ARTEFACTS, MANIFEST, MODELS, Manifest, check_artefacts

    release = _release_of(task, memory, old)
    if release is None:
        raise _Cold("no release of it was made")
    folder = releases_folder(task) / str(release.version)
    if not folder.is_dir():
        raise _Cold(f"the files of release {release.version} are not here")
    if versions_now(task, [old]) != [release.candidate_version]:
        raise _Cold(
            f"since release {release.version} a library, its code or the examples that it learns from have changed"
        )
    check_artefacts(release, folder)
    first = kept_json(folder / ARTEFACTS / MANIFEST, Manifest).members[0]
    if first.how != "kept":
        raise _Cold(f"release {release.version} keeps nothing of what it learned")
    return release.version, folder.joinpath(ARTEFACTS, MODELS, "0", *["inside"] * _depth(old))


def _depth(candidate: Candidate) -> int:
    """How many wrappers stand around the base, each of which keeps what is in it in a folder `inside`."""
    return 1 + _depth(candidate.parts[0]) if _is_around(candidate) else 0


def _release_of(task: Task, memory: LiveStore, old: Candidate) -> Release | None:
    """The release that serves where it is of this candidate, else the last one that is."""
    made = [one for one in memory.releases(task.name) if one.candidate.id == old.id]
    now = last_rollout(memory, task)
    serving = [one for one in made if now is not None and one.version == now.champion]
    best = serving or made
    return best[-1] if best else None


def _known(task: Task, old: Candidate, context: LoadContext) -> list[Example]:
    """What a release of the candidate has learned: dev, and the fresh cases that retraining it taught."""
    found = [example for example in task.split("dev") if example.target is not None]
    before = taught_before(old)
    if before:
        extra, _ = further_examples(further_file(before, context), context, target=LABEL)
        held = {example.input_hash for example in found}
        found += [example for example in extra if example.input_hash not in held]
    return found
