"""Candidates that have learned exactly as they did for the test: what is released is what was proved.

Nobody is asked: what teachers and tutors said is taken from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from merits.candidates.batcher import in_thread
from merits.candidates.registry import LoadContext
from merits.candidates.studying import Studious
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Model, Store
from merits.core.errors import CandidateError, TaskError
from merits.core.identity import JSON
from merits.core.task import Example, Task
from merits.evaluating.composing import Assembly, Exchange
from merits.evaluating.contenders import Contender, contenders, learn, load_context, pupil_in
from merits.evaluating.lectures import said_before
from merits.evaluating.rows import Rows
from merits.evaluating.teaching import key_of, tutor_of

__all__ = ["Taught", "stored_answers", "taught_models", "versions_now"]


@dataclass(frozen=True)
class Taught:
    """One of a candidate and its parts, after it learned. `parts` are numbers among all that were taught together.

    `model` is the model, or the composite behind it. `examples` are what it learned from, None where it learns
    nothing; `said` what teachers said, by their number and the hash of the input; `studied` what its tutor said.
    """

    candidate: Candidate
    version: str
    model: object
    parts: tuple[int, ...] = ()
    examples: Sequence[Example] | None = None
    said: Mapping[int, Mapping[str, Answer]] = field(default_factory=dict)
    studied: Mapping[str, JSON] = field(default_factory=dict)


def versions_now(task: Task, candidates: Sequence[Candidate], env: Mapping[str, str] | None = None) -> list[str]:
    """The version that each candidate has as it is now: recipe, code, libraries, and what it learns from."""
    context = load_context(task, env, asks=False)
    made = contenders(task, candidates, _rows(task), "test", context=context, exchange=_no_exchange)
    return [each.version for each in made[: len(candidates)]]


async def taught_models(
    task: Task,
    candidates: Sequence[Candidate],
    *,
    store: Store,
    env: Mapping[str, str] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[list[Taught], LoadContext]:
    """The candidates, and after them all that they are made of, trained as for the test; and the context they have.

    Each learns from all of dev with the task's seed. Raises CandidateError for what cannot be trained, and TaskError
    where what others said of it is not in the store. The models are open: whoever asks for them closes them.
    """
    context = load_context(task, env, asks=False, note=note)
    made = contenders(task, candidates, _rows(task), "test", context=context, exchange=_no_exchange)
    return [await _taught(task, each, store, context) for each in made], context


async def _taught(task: Task, each: Contender, store: Store, context: LoadContext) -> Taught:
    model, examples = each.model, each.lessons[0].examples
    inner: object = model.composite if isinstance(model, Assembly) else model
    if examples is None:
        return Taught(each.candidate, each.version, inner, each.parts)
    pupil = pupil_in(model)
    said: Mapping[int, Mapping[str, Answer]] = {}
    if pupil is not None:
        wanted = {example.input_hash for example in pupil.asks(examples)}
        before = said_before(task, each, pupil, store=store, context=context)
        said = {n: {key: a for key, a in heard.items() if key in wanted} for n, heard in before.items()}
    studied = _studied(each.candidate, model, examples, store)
    try:
        await in_thread(lambda: learn(model, examples, said))
    except CandidateError as problem:
        found = f"candidate {each.candidate.name!r}: {problem.found}"
        raise type(problem)(found, problem.next_step) from problem
    return Taught(each.candidate, each.version, inner, each.parts, examples, said, studied)


def _studied(candidate: Candidate, model: Model, examples: Sequence[Example], store: Store) -> dict[str, JSON]:
    """What the tutor of a model said of its questions, which the model knows from then on; {} where it has none."""
    if not isinstance(model, Studious):
        return {}
    questions = {key_of(question): question for question in model.questions(examples)}
    stored = store.answers(tutor_of(model), questions.keys())
    said = {questions[key]: answer.output for key, answer in stored.items() if answer.failure is None}
    if len(said) < len(questions):
        raise TaskError(
            f"{len(questions) - len(said):,} answers that {candidate.name!r} learns from are not in the store.",
            "Run it again: merits run",
        )
    model.study(said)
    return said


def stored_answers(task: Task, version: str, store: Store) -> list[tuple[Example, Answer]]:
    """The test examples, each with what a version answered to it (the first repeat), those that failed left out."""
    examples = {AnswerKey(example.input_hash): example for example in task.split("test")}
    stored = store.answers(version, examples.keys())
    return [(examples[key], stored[key]) for key in examples if key in stored and stored[key].failure is None]


def _rows(task: Task) -> Rows:
    examples = task.split("test")
    if not examples:
        raise TaskError(f"the task {task.name!r} has no test examples.", "Give some examples the split test.")
    return Rows.of(examples, repeats=task.settings.repeats)


def _no_exchange() -> Exchange:
    raise AssertionError("nobody is asked")
