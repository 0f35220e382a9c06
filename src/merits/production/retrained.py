"""A trained candidate again, on what production has labelled since: is it better, by how much, and is it still as good?

    done = retrain(load_task("tickets.yaml"), since=time.time() - 30 * 86_400)
    print(done.text)

The newest of the fresh labels are kept apart as a fresh test, the others are learned. Old and new are evaluated on the
fresh test and on the old one, by the same evaluation and the same decision as everybody else. What is better becomes a
release that must win before it serves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from merits.candidates.further import further_examples, further_file
from merits.core.candidate import Candidate
from merits.core.decision import Decision
from merits.core.doors import Learning, LiveStore, Store
from merits.core.errors import CandidateError, TaskError, UsageError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import is_labelled
from merits.core.limits import Limits
from merits.core.live import Rollout
from merits.core.needs import Needs
from merits.core.task import Example, Task
from merits.core.validate import did_you_mean
from merits.flow import evaluate
from merits.opening import last_rollout, opened_live, opened_store, rollout_in_force
from merits.production.released import Released, release
from merits.production.rolled_out import Trial, must_be_alone, start_rollout
from merits.production.warm import LABEL, Beginning, base_of, beginning, taught_before
from merits.store.since import feedback_on_all, served_since

if TYPE_CHECKING:
    from merits.core.evaluation import Evaluation
    from merits.deciding.changes import Change
    from merits.evaluating import Plan
    from merits.monitoring.loop import Found

__all__ = ["Fresh", "Outcome", "Retrained", "fresh_of", "n_labelled", "retrain", "retrain_step"]

Outcome: TypeAlias = Literal["better", "not shown", "worse on the old test"]
_BY = "merits retrain"
_FOLDER = Path(".merits") / "fresh"
_LEAST_TEST, _LEAST_TAUGHT = 20, 10


@dataclass(frozen=True)
class Fresh:
    """Labelled cases out of production, oldest first: those to learn from, and the newest, to be tested on.

    `n_known` are left out because the task has the input already (in dev, in test, or withheld); `n_strange` because
    their label is none of the task's.
    """

    taught: tuple[Example, ...]
    tested: tuple[Example, ...]
    n_known: int = 0
    n_strange: int = 0


@dataclass(frozen=True)
class Retrained:
    """What came of training again. `old` serves or was named, `new` learned the fresh cases too.

    `on_fresh` decides between them on the fresh test, `fresh_change` and `old_change` are what changed from old to new
    on the fresh and on the old test. `how` is how it was trained, `went_on_from` the version of the release from whose
    knowledge it went on (None: from nothing). `released` is the release that was made of it, and
    `rollout` that by which it gets requests beside the one that serves; None where it is not better, or nothing was to
    be written.
    """

    outcome: Outcome
    text: str
    old: Candidate
    new: Candidate
    fresh: Fresh
    how: str
    went_on_from: int | None
    on_fresh: Decision
    fresh_change: Change
    old_change: Change
    released: Released | None = None
    rollout: Rollout | None = None

    @property
    def solved(self) -> float:
        """The share of the fresh test that the new one solves."""
        mine = (one for one in self.on_fresh.standings if one.candidate == self.new.name)
        return next((one.quality.value for one in mine if one.quality is not None), None) or 0.0


def fresh_of(
    task: Task,
    memory: LiveStore,
    *,
    since: float = 0.0,
    hold_out: float = 0.3,
    n_least: int = _LEAST_TEST,
    users: bool = False,
) -> Fresh:
    """The labelled cases that were served from `since` (UNIX seconds) on, divided by time.

    Only requests whose content was kept, with a label (with `users`, or a correction by a user: of what was wrong, so
    that the old one looks worse there than it is). Of equal inputs the newest counts. Raises TaskError where there are
    too few to learn from and to test on.
    """
    found = _fresh(task, memory, since, users=users)
    fit = found.fit
    n_test = round(hold_out * len(fit))
    if n_test < n_least or len(fit) - n_test < _LEAST_TAUGHT:
        by_users = found.n_by_users
        left_out = f" {by_users:,} corrections by users are left out (--users takes them)." if by_users else ""
        raise TaskError(
            f"there are {len(fit):,} fresh labelled cases of {task.name!r} (of {found.n_kept:,} requests whose content "
            f"was kept; {found.n_known:,} are in the task already): too few to learn from and to test on.{left_out}",
            f"At least {_needed(hold_out, n_least):,} are needed: wait for labels, go back further with --since, or "
            "have more content kept (serve: {content: {keep: true}}).",
        )
    cut = len(fit) - n_test
    return Fresh(
        taught=tuple(replace(example, split="dev") for example in fit[:cut]),
        tested=tuple(replace(example, id=f"live {example.id}", split="test") for example in fit[cut:]),
        n_known=found.n_known,
        n_strange=found.n_strange,
    )


@dataclass(frozen=True)
class _Labelled:
    """The cases that are `fit` to be learned, of how many requests with content, and why others are not."""

    fit: list[Example]
    n_kept: int
    n_known: int
    n_strange: int
    n_by_users: int


def _fresh(task: Task, memory: LiveStore, since: float, *, users: bool) -> _Labelled:
    from merits.evaluating.fresh import fresh_examples

    served = [each for each in served_since(memory, task.name, since) if each.input is not None]
    said = feedback_on_all(memory, [each.request for each in served])
    held = task.withheld.union(example.input_hash for example in task.examples)
    every = fresh_examples(served, said, sources=("label", "user") if users else ("label",))
    by_users = 0 if users else len(fresh_examples(served, said, sources=("user",)))
    new = [example for example in every if example.input_hash not in held]
    fit = [example for example in new if not task.classes or _is_label(example, task)]
    return _Labelled(fit, len(served), len(every) - len(new), len(new) - len(fit), by_users)


def retrain(
    task: Task,
    *,
    candidate: str = "",
    live: LiveStore | str | Path | None = None,
    store: Store | str | Path | None = None,
    since: float = 0.0,
    hold_out: float = 0.3,
    despite_old: bool = False,
    cold: bool = False,
    dry_run: bool = False,
    mode: Trial | None = None,
    share: float = 0.1,
    users: bool = False,
    reason: str = "",
    confirm: Callable[[Plan], object] = lambda plan: None,
    note: Callable[[str], None] = lambda text: None,
) -> Retrained:
    """What the candidate is worth when it learns the fresh labels too: a decision, and a release where it is better.

    `candidate` is the one that serves unless named. It goes on from what its release had learned where it can, else (or
    where it is to be `cold`) it is trained from nothing on dev and the fresh cases: `how` says which, and why. Of the
    fresh cases since then (UNIX seconds; `users` as in `fresh_of`) the newest `hold_out` are the fresh test. It is
    "better" where the decision on the fresh test adopts it and it is not certainly worse on the old test
    (`despite_old`: even then, where the world has changed and the old test speaks of one that is gone). Then it is
    released without serving (unless `dry_run`), on the fresh test alone: what it promises, and what its traffic is held
    against, is of the world that it will serve. With a `mode` it answers a `share` of the requests beside the one that
    serves, and must win there. `confirm` is called with what is to be asked and what that is likely to
    cost, before anybody is, and may raise.

    Raises TaskError for too few fresh labels, CandidateError for what learns nothing, and what `evaluate` and `release`
    raise. Nothing that was paid for is asked again.
    """
    with opened_live(live, task) as memory, opened_store(store, task) as opened:
        old = _who(task, memory, candidate)
        if mode is not None:
            must_be_alone(rollout_in_force(memory, task))  # before anything is trained
        fresh = fresh_of(task, memory, since=since, hold_out=hold_out, users=users)
        place = _written(task, fresh, old)
        wide = replace(task, examples=(*task.examples, *fresh.tested))
        begun = _begun(wide, memory, old, fresh, place, cold=cold)
        new = _taught(begun.student, place, old.limits)
        how = _how(task, begun, fresh)
        note(how)
        needs = replace(task.needs, incumbent=old.name)
        wide = replace(wide, candidates=(old, new), needs=needs)
        evaluate(wide, store=opened, confirm=confirm)  # trained once; the parts are then read from the store
        parts = [evaluate(_of(wide, some), store=opened) for some in (fresh.tested, task.split("test"))]
        found = _concluded(old, new, fresh, how, begun, needs=needs, evaluations=parts, despite_old=despite_old)
        note(found.text)
        if found.outcome != "better" or dry_run:
            return found
        made = release(
            _of(wide, fresh.tested),  # what is promised, and watched, is of the world that it will serve
            candidate=new.name,
            store=opened,
            live=memory,
            reason="; ".join(filter(None, (reason, found.text))),
            files=[place],
            activate=False,
            note=note,
        )
        rollout = (
            start_rollout(task, made.release.version, mode=mode, share=share, live=memory, reason=found.text, by=_BY)
            if mode
            else None
        )
        return _with(found, made, rollout)


def n_labelled(task: Task, memory: LiveStore, *, since: float, users: bool = False) -> int:
    """How many fresh labelled cases there are of what was served from then on: see `fresh_of`."""
    return len(_fresh(task, memory, since, users=users).fit)


def retrain_step(
    task: Task,
    *,
    candidates: Sequence[str] = (),
    live: LiveStore | str | Path | None = None,
    store: Store | str | Path | None = None,
    since: float = 0.0,
    users: bool = False,
    reason: str = "",
) -> Found:
    """The step "retrain" of what goes on by itself (`merits.monitoring.loop.Actions`): a release, or none.

    Of `candidates` (by name; the one that serves where none is named), each trained again, the one of those that are
    better that solves most of the fresh test becomes a release. "not yet" where there are too few fresh labels. A
    release gets no requests here: comparing is the next step, and there it must win. What is certainly worse on the old
    test is "nothing": a person looks at that. So is what no waiting changes: content that is not kept, or a candidate
    that learns nothing.
    """
    from merits.monitoring.loop import Found

    with opened_live(live, task) as memory:
        if why := _never(task, memory, candidates, since):
            return Found(outcome="nothing", text=why)
        try:
            fresh_of(task, memory, since=since, users=users)
        except TaskError as problem:
            return Found(outcome="not yet", text=str(problem))
        again = partial(retrain, task, live=memory, store=store, since=since, users=users, reason=reason)
        tried = [again(candidate=name, dry_run=True) for name in candidates] if len(candidates) > 1 else []
        better = [number for number, one in enumerate(tried) if one.outcome == "better"]
        if tried and not better:
            return Found(outcome="nothing", text=" ".join(one.text for one in tried))
        best = max(better, key=lambda number: tried[number].solved, default=0)
        done = again(candidate=candidates[best] if candidates else "")
    if done.released is None:
        return Found(outcome="nothing", text=done.text)
    return Found(outcome="found", text=done.text, challenger=done.released.release.version)


def _never(task: Task, memory: LiveStore, candidates: Sequence[str], since: float) -> str:
    """Why nobody could be trained again however long one waits; "" where somebody could."""
    from merits.candidates.wrapped import trainable_part
    from merits.evaluating.contenders import load_context

    rollout, served = last_rollout(memory, task), served_since(memory, task.name, since)
    serving = [one for one in memory.releases(task.name) if rollout is not None and one.version == rollout.champion]
    first = next(served, None)
    if first is not None:
        keeps = first.input is not None or any(one.input is not None for one in served)
    else:
        keeps = not serving or serving[0].content.keep
    if not keeps:
        return "the content of requests is not kept, so nothing learns from them (serve: {content: {keep: true}})"
    for name in candidates or ("",):
        context = load_context(task, None, asks=False)
        parts = (base_of(_who(task, memory, name)),)
        try:
            trainable_part(dataclasses.replace(context, parts=parts), 0, "retrained")
        except CandidateError as problem:
            return str(problem)
    return ""


def _is_label(example: Example, task: Task) -> bool:
    return not is_labelled(task.kind) or str(example.target) in task.classes


def _needed(hold_out: float, n_least: int) -> int:
    return max(int(n_least / hold_out) + 1, int(_LEAST_TAUGHT / (1.0 - hold_out)) + 1)


def _who(task: Task, memory: LiveStore, named: str) -> Candidate:
    """The candidate of that name; the one that serves where none is named, or the only one."""
    names = [one.name for one in task.candidates]
    if named:
        if named not in names:
            raise UsageError(f"no candidate is named {named!r}.", did_you_mean(named, names))
        return task.candidates[names.index(named)]
    rollouts, releases = memory.rollouts(task.name), memory.releases(task.name)
    serving = [one for one in releases if rollouts and one.version == rollouts[-1].champion]
    if serving:
        return replace(serving[-1].candidate, price=None)
    if len(task.candidates) == 1:
        return task.candidates[0]
    raise UsageError(
        f"no release of {task.name!r} serves yet, and there are {', '.join(names)}.", "Name one with --candidate."
    )


def _written(task: Task, fresh: Fresh, old: Candidate) -> str:
    """The file with what is to be learned, relative to the task's folder; with what the old one learned so before."""
    rows = [_row(example) for example in fresh.taught]
    before = Path(task.folder) / taught_before(old)
    if before.is_file():
        there = {msgspec.json.encode(row) for row in rows}
        rows = [msgspec.json.decode(line) for line in before.read_bytes().splitlines() if line not in there] + rows
    body = b"\n".join(map(msgspec.json.encode, rows)) + b"\n"
    place = _FOLDER / f"{content_hash([*rows])[:16]}.jsonl"
    file = Path(task.folder) / place
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    except OSError as problem:
        raise TaskError(f"{file} cannot be written: {problem.strerror}.", "Check the permissions there.") from None
    return place.as_posix()


def _row(example: Example) -> dict[str, JSON]:
    given = example.input
    return {**(given if isinstance(given, Mapping) else {"input": given}), LABEL: example.target}


def _begun(task: Task, memory: LiveStore, old: Candidate, fresh: Fresh, place: str, *, cold: bool) -> Beginning:
    """What is trained, and from where."""
    from merits.evaluating.contenders import load_context

    context = load_context(task, None, asks=False)
    if cold:
        return Beginning(base_of(old), why="as asked")
    new, _ = further_examples(further_file(place, context), context, target=LABEL)
    before = {example.input_hash for example in fresh.taught}
    home = Path(task.folder) / _FOLDER
    return beginning(task, memory, old, [one for one in new if one.input_hash in before], home=home, context=context)


def _taught(student: Candidate, place: str, limits: Limits | None) -> Candidate:
    return Candidate(
        name=f"{student.name}, retrained {Path(place).stem[:6]}",
        kind="augmented",
        params={"extra": place, "target": LABEL},
        parts=(student,),
        limits=limits,
    )


def _how(task: Task, begun: Beginning, fresh: Fresh) -> str:
    """How the new one is trained, in words."""
    from merits.candidates.registry import load_any
    from merits.evaluating.contenders import load_context

    way = f"it goes on from what release {begun.version} had learned"
    if begun.version is None:
        online = isinstance(load_any(begun.student, load_context(task, None, asks=False)), Learning)
        order = ", in their order" if online else ""
        way = f"it is trained from nothing, on dev and on these{order} ({begun.why})"
    return f"{len(fresh.taught):,} fresh cases are learned and the {len(fresh.tested):,} newest tested on: {way}"


def _of(task: Task, tested: Sequence[Example]) -> Task:
    """The task with these of its test examples only."""
    names = {example.id for example in tested}
    return replace(task, examples=tuple(one for one in task.examples if one.split != "test" or one.id in names))


def _concluded(
    old: Candidate,
    new: Candidate,
    fresh: Fresh,
    how: str,
    begun: Beginning,
    *,
    needs: Needs,
    evaluations: Sequence[Evaluation],
    despite_old: bool,
) -> Retrained:
    from merits.deciding.changes import Change, changes
    from merits.deciding.decide import decide
    from merits.deciding.pairing import Side

    decision = decide(evaluations[0], needs)
    found = list[Change]()
    for evaluation in evaluations:
        sides = [Side(one.name, evaluation, evaluation.index(one.name)) for one in (old, new)]
        found += changes(sides[0], sides[1:], needs.confidence)
    on_fresh, on_old = found
    adopted = decision.verdict in ("adopt", "keep") and decision.candidate == new.name
    high = on_old.difference.high
    worse = high is not None and high < 0.0 and not despite_old
    outcome: Outcome = "worse on the old test" if adopted and worse else "better" if adopted else "not shown"
    text = (
        f"{new.name} against {old.name}: {on_fresh.difference.text()} on {on_fresh.difference.n:,} fresh cases, "
        f"{on_old.difference.text()} on {on_old.difference.n:,} of the old test: {_WORDS[outcome]}"
    )
    return Retrained(outcome, text, old, new, fresh, how, begun.version, decision, on_fresh, on_old)


_WORDS: dict[Outcome, str] = {
    "better": "it is better, and goes into the comparison with the one that serves.",
    "not shown": "that it is better is not shown; what serves goes on.",
    "worse on the old test": "better there and certainly worse here: a person should look (--despite-old-test).",
}


def _with(found: Retrained, made: Released, rollout: Rollout | None) -> Retrained:
    return dataclasses.replace(found, released=made, rollout=rollout)
