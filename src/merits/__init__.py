"""Merits tells which AI model is worth using for your task, judged on its merits and not on its price.

The loop: analyse the task, evaluate any candidate on it, decide with honest statistics, improve what one has, serve
the winner, monitor whether the decision is still right. One rule holds it together: candidates go in, outcomes come
out; every later stage either adds candidates or reads outcomes.

    import merits

    task = merits.load_task("tickets.yaml")             # what must be solved, and what "solved" means
    evaluation = merits.evaluate(task)                  # every candidate tries it, once per question
    decision = merits.decide(evaluation, task.needs)    # which one is worth using, and how sure that is
    print(decision)
    merits.write_report(evaluation, decision, "report.html", task=task)

Importing this package is cheap: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merits.candidates.objects import as_candidate
    from merits.core.answer import Answer
    from merits.core.batching import Batching
    from merits.core.candidate import Candidate, Price
    from merits.core.decision import Decision
    from merits.core.doors import Model, Store
    from merits.core.errors import MeritsError
    from merits.core.estimate import Estimate
    from merits.core.evaluation import Evaluation
    from merits.core.needs import Needs, Requirement
    from merits.core.outcome import Outcome, Score
    from merits.core.racing import Budget, Racing
    from merits.core.task import Example, Task
    from merits.deciding.decide import decide
    from merits.flow import evaluate, write_report
    from merits.imported import import_results
    from merits.perturbations.inputs import perturb
    from merits.store import open_store
    from merits.streamed import prequential
    from merits.tasks.file import load_task
    from merits.tasks.make import make_task
    from merits.tasks.profile import profile
    from merits.tasks.requirements import parse_requirement

__version__ = "0.1.0"

# The list of promises. `tests/test_public_names.py` holds it: each is documented and importable.
__all__ = [
    "Answer",
    "Batching",
    "Budget",
    "Candidate",
    "Decision",
    "Estimate",
    "Evaluation",
    "Example",
    "MeritsError",
    "Model",
    "Needs",
    "Outcome",
    "Price",
    "Racing",
    "Requirement",
    "Score",
    "Store",
    "Task",
    "__version__",
    "as_candidate",
    "decide",
    "evaluate",
    "import_results",
    "load_task",
    "make_task",
    "open_store",
    "parse_requirement",
    "perturb",
    "prequential",
    "profile",
    "write_report",
]

_HOMES = {
    "Answer": "core.answer",
    "Batching": "core.batching",
    "Budget": "core.racing",
    "Candidate": "core.candidate",
    "Decision": "core.decision",
    "Estimate": "core.estimate",
    "Evaluation": "core.evaluation",
    "Example": "core.task",
    "MeritsError": "core.errors",
    "Model": "core.doors",
    "Needs": "core.needs",
    "Outcome": "core.outcome",
    "Price": "core.candidate",
    "Racing": "core.racing",
    "Requirement": "core.needs",
    "Score": "core.outcome",
    "Store": "core.doors",
    "Task": "core.task",
    "as_candidate": "candidates.objects",
    "decide": "deciding.decide",
    "evaluate": "flow",
    "import_results": "imported",
    "load_task": "tasks.file",
    "make_task": "tasks.make",
    "open_store": "store",
    "parse_requirement": "tasks.requirements",
    "perturb": "perturbations.inputs",
    "prequential": "streamed",
    "profile": "tasks.profile",
    "write_report": "flow",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'merits' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"merits.{_HOMES[name]}"), name)
    globals()[name] = value  # the next access is a plain attribute
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
