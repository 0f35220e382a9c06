"""A model asked again: a fixed set of a task's test examples, in a new pass, compared with the passes before.

    for found in probe(task, ["gpt"]):
        print(found.candidate, found.probe.result, found.probe.text)

The answers are stored as further repeats of these questions: paid once, and there for the next probe. What a pass says
of the model is decided in `monitoring/probing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, LiveStore, Store
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import content_hash
from merits.core.live import Alert
from merits.core.on_demand import outlines
from merits.core.outcome import Status
from merits.core.release import Release
from merits.core.robustness import Robustness
from merits.core.task import Example, Task
from merits.core.validate import did_you_mean
from merits.monitoring.alerts import alert_id, raised
from merits.monitoring.probing import Probe, probed
from merits.opening import finished, opened_store, prices_of

if TYPE_CHECKING:
    from merits.core.racing import Budget
    from merits.evaluating import Plan, Progress

__all__ = ["Probed", "foreseen", "probe", "warn"]

_MOST_PASSES = 1_000
_TOO_MANY_MISSING = 0.1  # of a pass: then the next probe asks what is missing of it, instead of a pass of its own
Stored = Mapping[AnswerKey, Answer]


@dataclass(frozen=True)
class Probed:
    """One candidate and what its new pass says; None where there was nothing to compare it with yet."""

    candidate: str
    probe: Probe | None
    n_asked: int

    @property
    def result(self) -> str:
        """same, changed, or could not find out."""
        return "could not find out" if self.probe is None else self.probe.result

    @property
    def text(self) -> str:
        """The result in a sentence, with its numbers."""
        if self.probe is not None:
            return self.probe.text
        return f"there was nothing to compare with: {self.n_asked} questions were asked a first time; ask again later"


def probe(
    task: Task,
    candidates: Sequence[str] = (),
    *,
    n: int = 50,
    alpha: float = 0.05,
    least: float = 0.3,
    store: Store | str | Path | None = None,
    progress: Progress | None = None,
    budget: Budget | None = None,
    confirm: Callable[[Plan], object] = lambda plan: None,
) -> list[Probed]:
    """Whether candidates still answer as they did, by n of the test examples that they answered before.

    `candidates` are names; without any it is the one that was decided on, or the only one there is. A pass that was
    stopped is gone on with. `alpha` is how often a model that has not changed may be accused in all of its probes,
    `least` the shift in the share solved that is to be noticed. The first time there is nothing but the answers of
    `merits run`, which count as a pass. Raises UsageError for an unknown name, and whatever evaluating raises.
    """
    with opened_store(store, task) as opened:
        return [
            _probed(task, one, opened, n=n, bars=(alpha, least), asking=(progress, budget, confirm))
            for one in _chosen(task, candidates, opened)
        ]


def foreseen(
    task: Task,
    candidates: Sequence[str] = (),
    *,
    n: int = 50,
    store: Store | str | Path | None = None,
    budget: Budget | None = None,
) -> list[Plan]:
    """What `probe` would ask of each, and what that is likely to cost; asks nothing. Raises as `probe` does."""
    from merits.evaluating import plan

    with opened_store(store, task, write=False) as opened:
        passes = [_next_pass(task, one, opened, n) for one in _chosen(task, candidates, opened)]
        return [
            plan(one.task, one.task.candidates, store=opened, table=prices_of(task), budget=budget) for one in passes
        ]


def _chosen(task: Task, names: Sequence[str], store: Store) -> list[Candidate]:
    known = {one.name: one for one in task.candidates}
    for name in names:
        if name not in known:
            raise UsageError(f"no candidate is named {name!r}.", did_you_mean(name, list(known)))
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    if len(known) == 1:
        return list(known.values())
    decided = next((one.candidate for one in reversed(store.decisions(task.id)) if one.candidate in known), "")
    if not decided:
        raise UsageError("nothing is decided yet, and there are several candidates.", "Name one: --candidate NAME")
    return [known[decided]]


def warn(task: Task, found: Sequence[Probed], live: LiveStore, *, at: float) -> list[Alert]:
    """The alerts about models that changed, added to the memory of production where the task is served.

    Whom they are told to is the monitor's business; one that was raised in the hour before is not raised again.
    """
    rollouts = live.rollouts(task.name)
    if not rollouts:
        return []
    champion = rollouts[-1].champion
    serving = next((one for one in live.releases(task.name) if one.version == champion), None)
    alerts = [_alert(task, one, serving, at) for one in found if one.result == "changed"]
    new = raised(alerts, live.alerts(task.name), task.monitor)
    live.add(new)
    return new


def _alert(task: Task, found: Probed, serving: Release | None, at: float) -> Alert:
    stream = f"model: {found.candidate}"
    serves = serving is not None and found.candidate in {one.name for one in _all_of(serving.candidate)}
    release = serving.version if serving is not None and serves else None
    return Alert(
        id=alert_id(task.name, "silent-change", stream, release, at // 3_600.0),
        task=task.name,
        at=at,
        kind="silent-change",
        stream=stream,
        severity="alarm" if serves else "warning",
        text=f"{found.candidate} is no longer the model that was evaluated: {found.text}.",
        next_step="Evaluate it anew, for its old answers are another model's: merits run --refresh; or merits rollback",
        evidence={} if found.probe is None else msgspec.to_builtins(asdict(found.probe)),
        group="silent-change",
        release=release,
    )


def _all_of(candidate: Candidate) -> Iterator[Candidate]:
    yield candidate
    for part in candidate.parts:
        yield from _all_of(part)


def _probed(
    task: Task,
    candidate: Candidate,
    store: Store,
    *,
    n: int,
    bars: tuple[float, float],
    asking: tuple[Progress | None, Budget | None, Callable[[Plan], object]],
) -> Probed:
    from merits.evaluating import evaluate

    new = _next_pass(task, candidate, store, n)
    version, chosen, whole, n_passes, narrowed = new.version, new.chosen, new.whole, new.n_passes, new.task
    before = _stored(store, version, chosen, n_passes)
    progress, budget, confirm = asking
    evaluation = finished(
        lambda: evaluate(
            narrowed,
            narrowed.candidates,
            store=store,
            progress=progress,
            table=prices_of(task),
            budget=budget,
            confirm=confirm,
        )
    )
    after = _stored(store, version, whole, n_passes)
    n_asked = sum(after[key] != before.get(key) for key in after)
    if n_passes == 1:
        return Probed(candidate.name, None, n_asked)
    solved, said = _solved(evaluation, whole, n_passes), _said(after, whole, n_passes)
    missing = np.full((len(chosen) - len(whole), n_passes), -1)
    number = max(1, n_passes - task.settings.repeats)
    found = probed(
        np.vstack([solved, missing]), np.vstack([said, missing]), number=number, alpha=bars[0], least=bars[1]
    )
    return Probed(candidate.name, found, n_asked)


@dataclass(frozen=True)
class _Pass:
    """The pass to come: of the `chosen` questions those that have all earlier answers are asked, as a task."""

    version: str
    chosen: list[Example]
    whole: list[Example]
    n_passes: int  # with it
    task: Task


def _next_pass(task: Task, candidate: Candidate, store: Store, n: int) -> _Pass:
    version = _version(task, candidate, store)
    chosen, n_passes = _set_of(task, version, store, n)
    before = _stored(store, version, chosen, n_passes)
    whole = [one for one in chosen if _complete(before, one, n_passes - 1)]  # asking the others would mend old passes
    return _Pass(version, chosen, whole, n_passes, _narrowed(task, candidate, whole, n_passes))


def _version(task: Task, candidate: Candidate, store: Store) -> str:
    """Under which its answers are stored."""
    from merits.evaluating import plan

    return plan(task, (candidate,), store=store, judges=False).parts[0].version


def _set_of(task: Task, version: str, store: Store, n: int) -> tuple[list[Example], int]:
    """The questions to put, and how many passes there are with the one to come.

    Of the test examples in a random order that is always the same: first those that were probed before, then those
    that were answered at all. One of a group, for the others depend on it.
    """
    one_each = {example.group or example.id: example for example in reversed(task.split("test"))}
    order = sorted(one_each.values(), key=lambda one: content_hash([task.settings.seed, one.input_hash]))
    counts: list[int] = []
    for number in range(_MOST_PASSES):
        stored = store.answers(version, {AnswerKey(one.input_hash, number) for one in order})
        if not stored:
            break
        if number <= 1:
            order.sort(key=lambda one, number=number, stored=stored: AnswerKey(one.input_hash, number) not in stored)  # type: ignore[misc]
        counts.append(sum(answer.failure is None for answer in stored.values()))
    if not counts:
        return order[:n], 1
    first = store.answers(version, {AnswerKey(one.input_hash) for one in order})
    chosen = [one for one in order if AnswerKey(one.input_hash) in first][:n]  # of a race not all were asked
    if len(counts) == 1:
        return chosen, 2
    begun = len(counts)
    last = _stored(store, version, chosen, begun)
    there = sum(_there(last, one, begun - 1) for one in chosen)
    return chosen, begun if there < (1.0 - _TOO_MANY_MISSING) * len(chosen) else begun + 1


def _stored(store: Store, version: str, examples: Sequence[Example], n_passes: int) -> Stored:
    keys = {AnswerKey(one.input_hash, number) for one in examples for number in range(n_passes)}
    return store.answers(version, keys)


def _there(stored: Stored, example: Example, number: int) -> bool:
    answer = stored.get(AnswerKey(example.input_hash, number))
    return answer is not None and answer.failure is None


def _complete(stored: Stored, example: Example, n_passes: int) -> bool:
    return all(_there(stored, example, number) for number in range(n_passes))


def _narrowed(task: Task, candidate: Candidate, examples: Sequence[Example], n_passes: int) -> Task:
    """The task with these test examples only; what is left out stays withheld from whatever learns."""
    kept = {one.id for one in examples}
    left_out = frozenset(
        one.input_hash for one in outlines(task.examples) if one.split == "test" and one.id not in kept
    )
    return replace(
        task,
        name=f"{task.name} (probe)",
        examples=(*task.split("dev"), *examples),
        candidates=(candidate,),
        robustness=Robustness(),
        settings=replace(task.settings, repeats=n_passes),
        withheld=task.withheld | left_out,
        human_labels="",
    )


def _solved(evaluation: Evaluation, examples: Sequence[Example], n_passes: int) -> NDArray[np.int64]:
    place = {one.id: number for number, one in enumerate(examples)}
    found = np.full((len(examples), n_passes), -1)
    scored = evaluation.status[0] == Status.SCORED
    for row in np.flatnonzero(scored):
        found[place[str(evaluation.examples[row])], int(evaluation.repeats[row])] = int(evaluation.solved[0, row])
    return found


def _said(stored: Stored, examples: Sequence[Example], n_passes: int) -> NDArray[np.int64]:
    """Codes of what was said, -1 where nothing was."""
    codes: dict[str, int] = {}
    found = np.full((len(examples), n_passes), -1)
    for row, example in enumerate(examples):
        for number in range(n_passes):
            answer = stored.get(AnswerKey(example.input_hash, number))
            if answer is not None and answer.failure is None:
                said = content_hash([answer.output, answer.refused])
                found[row, number] = codes.setdefault(said, len(codes))
    return found
