"""A task whose world changes, in a folder, with a memory of production that holds labelled requests."""

from __future__ import annotations

import json
import time
from pathlib import Path

from river.datasets import synth

import merits
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.live import Feedback, Served
from merits.core.task import Task

N_TASK = 400
Row = tuple[dict[str, JSON], str]


def rows(n: int, *, changed: bool = True) -> list[Row]:
    """Rows of SEA; those past the task's are of another rule, if it has changed."""
    first = synth.SEA(seed=42, variant=0)
    later = synth.SEA(seed=7, variant=3 if changed else 0)
    found = [*first.take(N_TASK), *later.take(n - N_TASK)]
    return [({f"x{k}": v for k, v in x.items()}, str(y)) for x, y in found]


def task_in(folder: Path, candidates: str, *, changed: bool = True) -> Task:
    """The task of the first rows, half of them dev."""
    body = [
        json.dumps({**x, "y": y, "split": "dev" if n % 2 else "test"})
        for n, (x, y) in enumerate(rows(N_TASK, changed=changed))
    ]
    (folder / "d.jsonl").write_text("\n".join(body))
    (folder / "t.yaml").write_text(
        f"name: sea\nkind: classification\ndata: d.jsonl\ntarget: y\ninput: [x0, x1, x2]\ncandidates:\n{candidates}"
    )
    return merits.load_task(folder / "t.yaml")


LINE = "  - {name: line, kind: online, steps: constant}\n  - most-common\n"
FITTED = "  - {name: line, kind: sklearn, estimator: sklearn.linear_model.LogisticRegression}\n"


def served(n: int, *, start: int = 0, changed: bool = True, said: str = "True") -> list[Served]:
    """Requests of rows after the task's, each answered with `said`."""
    now = time.time()
    inputs = [x for x, _ in rows(N_TASK + start + n, changed=changed)][N_TASK + start :]
    return [
        Served(
            request=f"r{start + i}",
            task="sea",
            release=1,
            arm="champion",
            at=now - 5_000 + start + i,
            input_hash="",
            answer=Answer(said),
            input=x,
        )
        for i, x in enumerate(inputs)
    ]


def labels(n: int, *, start: int = 0, changed: bool = True) -> list[Feedback]:
    """The right answers to them, in their order."""
    now = time.time()
    targets = [y for _, y in rows(N_TASK + start + n, changed=changed)][N_TASK + start :]
    return [
        Feedback(request=f"r{start + i}", task="sea", at=now - 2_000 + start + i, source="label", target=y)
        for i, y in enumerate(targets)
    ]
