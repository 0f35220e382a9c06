"""Testing candidates on a stream, each case before it is learned from: does it pay to go on learning?

    found = prequential(load_task("phishing.yaml"), delay=100)
    found.lane("tree", learns=True).gain          # over the same candidate, frozen after dev

How cases are asked and learned is in `evaluating/prequential`; what does not learn is evaluated as in any run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from merits.core.doors import Store
from merits.core.errors import CandidateError, TaskError, UsageError
from merits.core.prequential import Prequential
from merits.core.task import Task
from merits.flow import evaluate
from merits.opening import Candidates, finished, recipes_of

__all__ = ["prequential"]


def prequential(
    task: Task,
    candidates: Candidates | None = None,
    *,
    delay: int = 0,
    window: int | None = None,
    store: Store | str | Path | None = None,
    told: Callable[[str, int, int], object] = lambda name, done, n: None,
) -> Prequential:
    """How the candidates do on the test examples in their order, those that can learn going on with every label.

    `candidates` are the task's own unless given, as in `evaluate`; at least one must be able to go on learning (`kind:
    online`, a recommender). Each learns from dev first. Those are then asked and taught along the stream, the label of
    a case being known before the case `delay` later is asked; beside them stand all candidates frozen after dev, their
    own copies too. What is frozen is asked through the store, and nothing paid is asked twice. `window` is the number
    of cases of a window (default: 20 windows at most). `told` hears who was asked how many of how many.

    Raises TaskError without test examples, UsageError where nobody can learn or a model judges, and what `evaluate`
    raises.
    """
    from merits.evaluating.prequential import Streamed, ask_along, learners, prequential_of

    if delay < 0 or (window is not None and window < 2):
        raise UsageError("a delay is 0 cases or more, and a window 2 or more.", "Write for example --delay 100.")
    examples = task.split("test")
    if not examples:
        raise TaskError(f"{task.name!r} has no test examples.", "Give some examples the split test.")
    recipes = recipes_of(task, candidates)
    learning = learners(task, recipes)
    if not learning:
        raise CandidateError(
            "no candidate can go on learning while it answers.", "Add one, such as: {name: tree, kind: online}"
        )
    frozen = evaluate(task, recipes, store=store)
    lanes = []
    for candidate in learning:
        name = candidate.name
        lanes.append(
            finished(lambda c=candidate, n=name: ask_along(task, c, delay=delay, told=lambda k, m: told(n, k, m)))  # type: ignore[misc]
        )
    lanes += [Streamed.of(frozen, name, examples) for name in frozen.names]
    made = prequential_of(task, lanes, delay=delay, window=window, level=task.needs.confidence)
    return replace(made, notes=(*made.notes, f"Labels come {delay:,} cases late.")) if delay > 1 else made
