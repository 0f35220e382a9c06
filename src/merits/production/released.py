"""What the decision decided, as one versioned unit for production: made, listed, put in force, rolled back.

    made = release(load_task("tickets.yaml"))
    print(made.release.model, made.verified.text)

A release holds the recipe at today's prices, what the candidate learned, what is promised of it, and the evidence. It
is written beside the task (`.merits/releases/NAME/VERSION/`) and noted in the live store; a rollout there says which
one serves.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from merits.candidates.imports import versions
from merits.concluding import decided
from merits.core.candidate import Candidate
from merits.core.decision import Decision, Standing
from merits.core.doors import LiveStore, Model, Store
from merits.core.errors import CandidateError, NoneWorthIt, NothingToRelease, TaskError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.live import Rollout
from merits.core.outcome import Status
from merits.core.release import Artefact, ContentPolicy, LearnedPart, Promise, Release
from merits.core.task import Task
from merits.core.validate import did_you_mean
from merits.opening import (
    finished,
    last_rollout,
    opened_live,
    opened_store,
    prices_of,
    releases_folder,
    rollout_in_force,
    stored_evaluation,
    whoever,
)
from merits.production.verified import Verified, verified
from merits.serving.clock import plausible_now

__all__ = ["Released", "activate", "release", "releases", "releases_folder", "roll_back"]


@dataclass(frozen=True)
class Released:
    """A release that was made, where it lies, how it was verified, and by which rollout it serves (None: it does not).

    `folder` is None where it was only said what would be released. `learned` says of what learns whether it is kept.
    """

    release: Release
    decision: Decision
    folder: Path | None
    verified: Verified | None
    rollout: Rollout | None
    notes: tuple[str, ...] = ()
    learned: tuple[LearnedPart, ...] = ()


def release(
    task: Task,
    *,
    candidate: str = "",
    fallbacks: Sequence[str] = (),
    store: Store | str | Path | None = None,
    live: LiveStore | str | Path | None = None,
    reason: str = "",
    by: str = "",
    content: ContentPolicy | None = None,
    files: Sequence[str] = (),
    verify: int | None = None,
    activate: bool = True,
    dry_run: bool = False,
    env: Mapping[str, str] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Released:
    """The release of what was decided on the stored test evaluation, under the present needs and prices.

    That is the candidate that the verdict names; another `candidate` only where it is named here, which the release's
    reason says. `fallbacks` (names) are asked in their order where it could not be. What learns is trained exactly as
    for the test and kept; then the release is opened as a server would, and asked `verify` test examples (by default
    50, and none over a network). `files` are further ones that its code reads, relative to the task's folder. `content`
    is whether inputs and outputs are kept, as the task says (`serve: content:`) unless given. With `activate` it serves
    from now on. With `dry_run` nothing is trained or written.

    Raises NothingToRelease where the verdict names nobody, NoneWorthIt where nobody is worth using, TaskError where
    nothing is stored, and CandidateError for a candidate that is no longer what was evaluated, or does not say from
    its release what it said then.
    """
    notes: list[str] = []

    def noted(text: str) -> None:
        notes.append(text)
        note(text)

    from merits.serving.package import learned_in

    _check_name(task)
    with opened_store(store, task) as opened:
        evaluation = stored_evaluation(task, store=opened)
        decision = _decision(task, evaluation, opened, remember=not dry_run, note=noted)
        chosen, why = _chosen(evaluation, decision, candidate)
        line = [chosen, *(_named(evaluation, name) for name in fallbacks)]
        if len({one.id for one in line}) < len(line):
            raise UsageError("a fallback is the candidate itself, or another fallback.", "Name each of them once.")
        _check_versions(task, evaluation, line, env)
        made = _drawn_up(task, evaluation, decision, line, opened)
        made = replace(made, reason="; ".join(filter(None, (why, reason))), content=content or task.serve.content)
        if dry_run:
            return Released(made, decision, None, None, None, tuple(notes))
        with opened_live(live, task) as memory:
            made = replace(made, version=_next_version(task, memory))
            made, folder, found = _written(
                task, made, evaluation, opened, files=files, verify=verify, env=env, note=noted
            )
            memory.add([made])
            rollout = _put_in_force(memory, task, made.version, made.reason, by, note=noted) if activate else None
    return Released(made, decision, folder, found, rollout, tuple(notes), learned_in(made, folder))


def releases(task: Task, *, live: LiveStore | str | Path | None = None) -> tuple[list[Release], Rollout | None]:
    """All releases of a task, oldest first, and the rollout that is in force (None before the first)."""
    with opened_live(live, task) as memory:
        return list(memory.releases(task.name)), last_rollout(memory, task)


def activate(
    task: Task, version: int, *, live: LiveStore | str | Path | None = None, reason: str = "", by: str = ""
) -> Rollout:
    """The rollout by which a release serves alone from now on; a challenger is called off, and the reason says so.

    UsageError where there is no such release, or it serves already.
    """
    with opened_live(live, task) as memory:
        _must_be_there(memory, task, version)
        _must_not_serve(last_rollout(memory, task), version)
        return _put_in_force(memory, task, version, reason or "activated by hand", by)


def roll_back(
    task: Task,
    to: int | None = None,
    *,
    live: LiveStore | str | Path | None = None,
    reason: str = "",
    by: str = "",
) -> Rollout:
    """The rollout by which an earlier release serves again: the one before the present one, or version `to`.

    A challenger is called off where there is one, and the reason says so. Servers switch within about a second, and
    finish what they have begun. UsageError where there is nothing to go back to, or `to` serves already.
    """
    with opened_live(live, task) as memory:
        now = rollout_in_force(memory, task)
        version = to if to is not None else _before(memory.rollouts(task.name))
        if version is None:
            called_off = (
                f"Call off release {now.challenger}: merits rollout --stop. Or name" if now.challenger else "Name"
            )
            raise UsageError(
                f"release {now.champion} of {task.name!r} is the first that served; there is none before it.",
                f"{called_off} one: merits rollback --to N (merits releases lists them)",
            )
        _must_be_there(memory, task, version)
        _must_not_serve(now, version)
        how = "rolled back from" if version < now.champion else "put in force by hand instead of"
        return _put_in_force(memory, task, version, reason or f"{how} release {now.champion}", by)


# what is released


def _decision(
    task: Task, evaluation: Evaluation, store: Store, *, remember: bool, note: Callable[[str], None]
) -> Decision:
    """The last decision; one that the present needs or prices change is made anew, and remembered."""
    now = decided(task, evaluation, store)
    made = store.decisions(task.id)
    last = made[-1] if made else None
    if last is not None and (last.verdict, last.candidate_id, last.needs) == (now.verdict, now.candidate_id, now.needs):
        return last
    if last is not None:
        note("decided again from what is stored, for the needs or prices have changed since the last run")
    if remember:
        store.add([now])
    return now


def _chosen(evaluation: Evaluation, decision: Decision, named: str) -> tuple[Candidate, str]:
    """The candidate to release, and the reason."""
    decides = decision.verdict in ("adopt", "keep") and bool(decision.candidate)
    said = f"{decision.verdict} {decision.candidate}".strip()
    if named:
        found = _named(evaluation, named)
        if decides and found.id == decision.candidate_id:
            return found, f"decided: {said}"
        return found, f"named by hand ({found.name}); the decision is: {said}"
    if decides:
        return next(one for one in evaluation.candidates if one.id == decision.candidate_id), f"decided: {said}"
    step = f"{decision.next_step} Or name one all the same: merits release --candidate NAME --reason WHY".strip()
    if decision.verdict == "none worth it":
        raise NoneWorthIt(f"none of the candidates of {evaluation.task_name!r} is worth using.", step)
    raise NothingToRelease(
        f"the verdict on {evaluation.task_name!r} is {decision.verdict!r}: no candidate is named.", step
    )


def _named(evaluation: Evaluation, name: str) -> Candidate:
    for one in evaluation.candidates:
        if one.name == name:
            return one
    raise UsageError(f"no candidate {name!r} was evaluated on test.", did_you_mean(name, evaluation.names))


def _check_versions(
    task: Task, evaluation: Evaluation, line: Sequence[Candidate], env: Mapping[str, str] | None
) -> None:
    """Raises CandidateError for one that is no longer what was evaluated."""
    from merits.evaluating.taught import versions_now

    for candidate, now in zip(line, versions_now(task, line, env), strict=True):
        if now != evaluation.versions[_row(evaluation, candidate)]:
            raise CandidateError(
                f"{candidate.name!r} is no longer what was evaluated: its code, a library, its model or what it learns "
                "from has changed.",
                "Prove it as it is now: merits run",
            )


def _row(evaluation: Evaluation, candidate: Candidate) -> int:
    return [one.id for one in evaluation.candidates].index(candidate.id)


def _drawn_up(
    task: Task, evaluation: Evaluation, decision: Decision, line: Sequence[Candidate], store: Store
) -> Release:
    """The release without its artefacts."""
    from merits.serving.schemas import schema_of

    priced = [_priced(task, one) for one in line]
    runs = [run.number for run in store.runs() if run.task == task.id and run.split == "test"]
    standing = _standing(decision, line[0])
    return Release(
        task=task.id,
        task_name=task.name,
        version=0,
        kind=task.kind,
        candidate=priced[0],
        candidate_version=evaluation.versions[_row(evaluation, line[0])],
        promise=_promise(evaluation, standing),
        needs=task.needs,
        scorers=task.scorers,
        made_at=time.time(),
        merits=versions("merits")["merits"],
        classes=task.classes,
        fallbacks=tuple(priced[1:]),
        decision=decision.id,
        run=runs[-1] if runs else None,
        n_examples=standing.n_scored + standing.n_failed + standing.n_unscored,  # in a race not all were asked of it
        settings=task.settings,
        schema=schema_of(task.examples, task.kind),
    )


def _priced(task: Task, candidate: Candidate) -> Candidate:
    """The recipe with the prices that hold today; a composite has none of its own."""
    if candidate.parts:
        return replace(candidate, parts=tuple(_priced(task, part) for part in candidate.parts))
    return replace(candidate, price=prices_of(task).price_of(candidate))


def _standing(decision: Decision, candidate: Candidate) -> Standing:
    return next(one for one in decision.standings if one.candidate_id == candidate.id)


def _promise(evaluation: Evaluation, standing: Standing) -> Promise:
    return Promise(
        metric=evaluation.scorer,
        quality=standing.quality,
        cost_per_1000=standing.cost_per_1000,
        cost_per_solved=standing.cost_per_solved,
        latency_p50_s=standing.latency_p50_s,
        latency_p95_s=standing.latency_p95_s,
        requirements=standing.requirements,
    )


# how it is written


def _written(
    task: Task,
    made: Release,
    evaluation: Evaluation,
    store: Store,
    *,
    files: Sequence[str],
    verify: int | None,
    env: Mapping[str, str] | None,
    note: Callable[[str], None],
) -> tuple[Release, Path, Verified]:
    """The release with its artefacts, in its folder once it was verified; nothing is left of one that was not."""
    from merits.evaluating.taught import stored_answers
    from merits.serving.package import write_release

    home = releases_folder(task)
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
    draft.chmod(0o755)
    try:
        made = _with_artefacts(task, made, draft, store, files=files, env=env, note=note)
        made = replace(made, artefacts=(*made.artefacts, _referred(task, made, evaluation, store, draft)))
        write_release(made, draft)
        stored = stored_answers(task, made.candidate_version, store)
        folders = (*task.data_folders, task.folder)
        found = finished(lambda: verified(made, draft, stored, n=verify, data_folders=folders, env=env))
        if found.differences and not found.is_remote:
            first = found.differences[0]
            raise CandidateError(
                f"only {found.text}; to example {first.example} it said {first.stored!r} when it was judged, and now "
                f"{first.now!r}. It is not what was proved, so there is no release.",
                "Run it again (merits run --refresh); what differs from time to time cannot be promised.",
            )
        return made, _in_place(draft, home, made), found
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _referred(task: Task, made: Release, evaluation: Evaluation, store: Store, draft: Path) -> Artefact:
    """What live traffic will be held against, kept beside what was learned.

    Time is left out, and money that is paid for time: they were measured while many were asked at once, and say nothing
    of the server's. They are held against what the first live requests took.
    """
    from merits.evaluating.taught import stored_answers
    from merits.media.finding import Media
    from merits.monitoring.streams import reference_of
    from merits.serving.package import ARTEFACTS, REFERENCE, artefact_of

    k = _row(evaluation, made.candidate)
    rows = {
        str(name): row for row, name in reversed(list(enumerate(evaluation.examples))) if not evaluation.asked_as[row]
    }
    answers = {example.id: answer for example, answer in stored_answers(task, made.candidate_version, store)}
    scored = {name: row for name, row in rows.items() if evaluation.status[k, row] == Status.SCORED}
    by_use = bool(evaluation.priced[k]) and not evaluation.machine_s[k].any()
    found = reference_of(
        task,
        answers,
        solved={name: bool(evaluation.solved[k, row]) for name, row in scored.items()},
        costs={name: float(evaluation.cost[k, row]) for name, row in rows.items()} if by_use else None,
        files=Media.of(task).file,
        seed=task.settings.seed,
    )
    streams = tuple(one for one in found.streams if one.name != "answer: latency")
    path = draft / ARTEFACTS / REFERENCE
    path.write_bytes(msgspec.json.encode(replace(found, streams=streams)))
    return artefact_of(draft, path)


def _with_artefacts(
    task: Task,
    made: Release,
    draft: Path,
    store: Store,
    *,
    files: Sequence[str],
    env: Mapping[str, str] | None,
    note: Callable[[str], None],
) -> Release:
    from merits.evaluating.taught import taught_models
    from merits.serving.packing import packed

    async def pack() -> Release:
        line = (made.candidate, *made.fallbacks)
        learned, context = await taught_models(task, line, store=store, env=env, note=note)
        try:
            artefacts = packed(draft, learned, context, files=files, note=note)
        finally:
            for one in learned:
                if isinstance(one.model, Model):
                    await one.model.close()
        return replace(made, artefacts=artefacts, inputs=context.columns)

    return finished(pack)


def _in_place(draft: Path, home: Path, made: Release) -> Path:
    """The folder of the release's version, in which all of it is at once."""
    folder = home / str(made.version)
    try:
        draft.rename(folder)
    except OSError as problem:
        if folder.exists():
            raise UsageError(
                f"release {made.version} of {made.task_name!r} was made by somebody else meanwhile.",
                "Make yours again: it gets the next version.",
            ) from None
        raise TaskError(f"{folder} cannot be written: {problem.strerror}.", "Check the permissions there.") from None
    return folder


def _next_version(task: Task, memory: LiveStore) -> int:
    noted = [one.version for one in memory.releases(task.name)]
    written = [int(place.name) for place in releases_folder(task).glob("*") if place.name.isdecimal()]
    return max([0, *noted, *written]) + 1


def _check_name(task: Task) -> None:
    if not task.name or "/" in task.name or "\\" in task.name or task.name.startswith(".") or "@" in task.name:
        raise TaskError(
            f"a task that is released is called by its name, and {task.name!r} is none for a folder and a model.",
            "Give it a `name:` without / \\ @ and a dot in front.",
        )


# which one serves


def _before(rollouts: Sequence[Rollout]) -> int | None:
    """The champion before the present one; what was rolled back from is left out, so that going back twice goes on.

    >>> [_before([Rollout(task="t", at=0.0, champion=one) for one in served]) for served in ([1, 2, 3], [1, 2, 3, 2])]
    [2, 1]
    """
    line: list[int] = []
    for one in rollouts:
        if one.champion in line:
            del line[line.index(one.champion) :]
        line.append(one.champion)
    return line[-2] if len(line) > 1 else None


def _must_be_there(memory: LiveStore, task: Task, version: int) -> None:
    known = [one.version for one in memory.releases(task.name)]
    if version not in known:
        there = ", ".join(map(str, known)) or "none"
        raise UsageError(f"{task.name!r} has no release {version}; there are: {there}.", "merits releases lists them.")
    folder = releases_folder(task) / str(version)
    if not folder.is_dir():
        raise UsageError(f"release {version} of {task.name!r} is noted, and {folder} is not there.", "Copy it there.")


def _must_not_serve(now: Rollout | None, version: int) -> None:
    if now is None or now.champion != version:
        return
    if now.challenger is None:
        raise UsageError(f"release {version} serves already.", "merits releases lists the others.")
    raise UsageError(
        f"release {version} serves already, and release {now.challenger} is compared with it ({now.mode}).",
        "Call that off: merits rollout --stop",
    )


def _put_in_force(
    memory: LiveStore,
    task: Task,
    version: int,
    reason: str,
    by: str,
    *,
    note: Callable[[str], None] = lambda text: None,
) -> Rollout:
    """The rollout by which a release serves alone; a comparison that goes on ends, and the reason says so."""
    now = last_rollout(memory, task)
    previous = None if now is None else now.champion if now.champion != version else now.previous
    if now is not None and now.challenger not in (None, version):
        ended = f"the {now.mode} of release {now.challenger} ends, undecided"
        note(ended)
        reason = f"{reason}; {ended}"
    rollout = Rollout(
        task=task.name, at=plausible_now(memory), champion=version, previous=previous, reason=reason, by=by or whoever()
    )
    memory.add([rollout])
    return rollout
