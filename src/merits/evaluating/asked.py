"""Who was ever asked for a task, by the version that answered: in its runs, and in one that never came to its end."""

from __future__ import annotations

from merits.core.candidate import Candidate
from merits.core.doors import Store
from merits.core.errors import UsageError
from merits.core.task import Task
from merits.evaluating.running import plan
from merits.evaluating.work import versions_of

__all__ = ["asked_versions"]


def asked_versions(task: Task, store: Store) -> dict[str, Candidate]:
    """Everybody that answered for a task, judges too: in its runs, and in one that never came to its end."""
    present = {candidate.id: candidate for candidate in task.candidates}
    stored = {candidate.id: candidate for candidate in store.candidates()}
    found: dict[str, Candidate] = {}
    for run in store.runs():
        evaluation = store.run(run.number) if run.task_name == task.name else None
        if evaluation is not None:
            found |= {
                version: present.get(candidate.id, candidate)
                for version, candidate in zip(evaluation.versions, evaluation.candidates, strict=True)
            }
            if (parts := evaluation.parts) is not None:
                found |= dict(zip(parts.versions, parts.candidates, strict=True))
            by_name = dict(zip(evaluation.names, evaluation.candidates, strict=True))
            tutored = {each.version: each.teacher or by_name[each.candidates[0]] for each in evaluation.taught}
            found |= {version: present.get(pupil.id, pupil) for version, pupil in tutored.items()}
            found |= {judge.version: stored[judge.recipe] for judge in evaluation.judged if judge.recipe in stored}
    for candidate in task.candidates:
        try:
            (part,) = plan(task, (candidate,), split="test", store=store, judges=False).parts
        except UsageError:  # it cannot be loaded here (no key): what its runs stored is known from them
            continue
        found |= {version: candidate for version in (part.version, part.tutor) if version}
    return found | _present_judges(task, store)


def _present_judges(task: Task, store: Store) -> dict[str, Candidate]:
    """The task's judges by the version that judges: also of a run that never came to its end, and of a check."""
    try:
        return versions_of(task, store)
    except UsageError:  # as above
        return {}
