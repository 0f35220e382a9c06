"""A student learns what its teacher says, where it says something, and answers by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from merits.candidates.registry import LoadContext, load, load_any
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Composite, Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.provider import FakeProvider, Fault
from tests.candidates.taught import FAILED, accuracy, answers, asked, needs_data, pupil, snips, taught, trained

CLASSES = ("bad", "good")
STUDENT = Candidate(name="student", kind="text-linear")
TEACHER = Candidate(name="teacher", kind="constant", params={"output": "good"})


def context(folder: Path = Path(), notes: list[str] | None = None, classes: Sequence[str] = CLASSES) -> LoadContext:
    note = (lambda text: None) if notes is None else notes.append
    return LoadContext(folder=folder, classes=tuple(classes), env={}, note=note)


def days(n: int, start: int = 0) -> list[Example]:
    words = ("bad", "good")
    return [Example(f"e{i}", f"a {words[i % 2]} day, number {i}", words[i % 2]) for i in range(start, start + n)]


def right(_: int, examples: Sequence[Example]) -> list[Answer]:
    return [Answer("good" if "good" in str(example.input) else "bad") for example in examples]


def test_it_learns_from_answers_alone(tmp_path: Path) -> None:
    """No target of dev is needed: what the teacher says to further inputs is enough."""
    (tmp_path / "more.txt").write_text("\n".join(str(example.input) for example in days(40, 100)), "utf-8")
    learner = pupil("distilled", [TEACHER, STUDENT], context(tmp_path), unlabelled="more.txt", truth=0)
    assert len(learner.asks([])) == 40
    assert accuracy(taught(learner, [], right), days(20)) == 1.0


def test_it_is_no_composite_and_no_trainable() -> None:
    """Whoever runs it must not fit it without its teacher, nor ask its parts when it answers."""
    learner = pupil("distilled", [TEACHER, STUDENT], context())
    assert not isinstance(learner, Trainable | Composite)
    assert isinstance(learner, Model)
    assert learner.teachers == (0,)


def test_a_teacher_that_fails_on_part_is_used_on_the_rest_and_the_share_is_said() -> None:
    notes: list[str] = []

    def mostly(_: int, examples: Sequence[Example]) -> list[Answer]:
        said = right(0, examples)
        odd = {0: FAILED, 1: FAILED, 2: Answer("I cannot say"), 3: Answer("good", refused=True), 4: Answer("so so")}
        return [odd.get(number, answer) for number, answer in enumerate(said)]

    learner = pupil("distilled", [TEACHER, STUDENT], context(notes=notes), truth=0)
    assert accuracy(taught(learner, days(50), mostly), days(20, 100)) == 1.0
    assert notes == [
        "distilled: 45 of 50 answers of teacher teach; 2 could not be had (4.0%), 3 cannot be read as an answer (6.0%)"
    ]


def test_a_teacher_that_never_says_anything_is_an_error_with_the_next_step() -> None:
    learner = pupil("distilled", [TEACHER, STUDENT], context())
    with pytest.raises(CandidateError, match="'teacher' was asked 10 times and said nothing to learn from"):
        taught(learner, days(10), lambda _, examples: [Answer("hm")] * len(examples))


def test_unsure_answers_are_left_out() -> None:
    notes: list[str] = []

    def unsure(_: int, examples: Sequence[Example]) -> list[Answer]:
        wrong = {"good": "bad", "bad": "good"}
        said = right(0, examples)
        return [Answer(wrong[str(a.output)], {"good": 0.5, "bad": 0.5}) if n % 5 < 2 else a for n, a in enumerate(said)]

    learner = pupil("distilled", [TEACHER, STUDENT], context(notes=notes), truth=0, least_confidence=0.6)
    assert accuracy(taught(learner, days(50), unsure), days(20, 100)) == 1.0
    assert notes[0].endswith("20 are too unsure (40.0%)")


def test_probabilities_of_labels_that_the_task_does_not_have_count_for_nothing() -> None:
    def outside(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [
            Answer(a.output, {"ugly": 0.6, str(a.output): 0.3, "bad" if a.output == "good" else "good": 0.1})
            for a in right(0, examples)
        ]

    model = taught(pupil("distilled", [TEACHER, STUDENT], context(), truth=0), days(50), outside)
    (said,) = answers(model, ["a good day, number 3"])
    assert said.output == "good"
    assert said.probabilities is not None
    assert set(said.probabilities) == {"bad", "good"}


@pytest.mark.parametrize("student", ["sklearn.neighbors.KNeighborsClassifier", "sklearn.linear_model.Perceptron"])
def test_a_student_of_any_kind_learns_soft_labels(student: str) -> None:
    """With weights, in copies, or as probabilities: the same teacher makes the same student, twice."""

    def soft(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [
            Answer(a.output, {str(a.output): 0.8, "bad" if a.output == "good" else "good": 0.2})
            for a in right(0, examples)
        ]

    parts = [TEACHER, Candidate(name="s", kind="sklearn", params={"estimator": student})]
    found = [taught(pupil("distilled", parts, context()), days(60), soft) for _ in range(2)]
    inputs: list[JSON] = [example.input for example in days(20, 100)]
    assert [a.output for a in answers(found[0], inputs)] == [a.output for a in answers(found[1], inputs)]
    assert accuracy(found[0], days(20, 100)) == 1.0


@pytest.mark.parametrize("kind", ["python", "most-common"])
def test_a_student_that_learns_one_label_each_sees_copies(kind: str, tmp_path: Path) -> None:
    """A class of the user's own, and a kind that knows nothing of shares."""
    (tmp_path / "mine.py").write_text(
        "class Mine:\n"
        "    def fit(self, inputs, targets):\n"
        "        self.seen = [str(target) for target in targets]\n"
        "    def predict(self, inputs):\n"
        "        share = self.seen.count('good') / len(self.seen)\n"
        "        return ['good' if 0.6 < share < 0.8 else 'bad'] * len(inputs)\n",
        "utf-8",
    )
    mine: dict[str, JSON] = {"function": "mine:Mine"} if kind == "python" else {}
    parts = [TEACHER, Candidate(name="mine", kind=kind, params=mine)]

    def soft(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [Answer("good", {"good": 0.7, "bad": 0.3}) for _ in examples]

    model = taught(pupil("distilled", parts, context(tmp_path), truth=0), days(8), soft)
    assert answers(model, ["x"])[0].output == "good"


def test_numbers_are_learned_from_what_is_said() -> None:
    """Of a regression: the number in a sentence, or the middle of a forecast; where dev knows it, that."""
    examples = [Example(str(n), {"x": n}, None) for n in range(30)]
    parts = [TEACHER, Candidate(name="s", kind="sklearn", params={"estimator": "sklearn.linear_model.Ridge"})]

    def about(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [Answer(f"about {2 * n}") if n % 3 else Answer({"value": 2.0 * n}) for n in range(len(examples))]

    learner = pupil("distilled", parts, LoadContext(task_kind="regression", env={}))
    (said,) = answers(taught(learner, examples, about), [{"x": 10}])
    assert said.output == pytest.approx(20, abs=1)


def test_what_is_already_in_dev_is_not_asked_twice(tmp_path: Path) -> None:
    examples = days(4)
    (tmp_path / "more.csv").write_text('text,note\n"a bad day, number 0",x\n"a new day",y\n"a new day",z\n', "utf-8")
    learner = pupil("distilled", [TEACHER, STUDENT], context(tmp_path), unlabelled="more.csv")
    assert [example.input for example in learner.asks(examples)] == [*(e.input for e in examples), "a new day"]


def test_the_content_of_the_further_inputs_is_part_of_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    candidate = Candidate(name="d", kind="distilled", params={"unlabelled": "more.txt"}, parts=(TEACHER, STUDENT))
    found = []
    for text in ("one\ntwo", "one\ntwo", "one\nthree"):
        file.write_text(text, "utf-8")
        found.append(load(candidate, context(tmp_path)).fingerprint)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("content", "name", "params", "said"),
    [
        (None, "gone.txt", {}, "there is no file 'gone.txt'"),
        ("", "empty.txt", {}, "holds no row"),
        ("a,b\n1\n", "ragged.csv", {}, "line 2: 1 values under 2 columns"),
        ("a,b\n1,2\n", "odd.csv", {}, "has no column 'input' or 'question' or 'prompt' or 'text'; it has a, b"),
        ("txet\nhello\nyou", "near.csv", {"column": "text"}, "has no column 'text'; it has txet. Did you mean 'txet'"),
        ('{"text": "a"}\n{"text": \n', "broken.jsonl", {}, "broken.jsonl, line 2"),
        ('{"text": "a"}\n{"text": ""}\n', "hole.jsonl", {}, "row 2: the input is empty"),
        ("a", "data.parquet", {}, "in no format that is read here"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong_and_where(
    content: str | None, name: str, params: dict[str, JSON], said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, "utf-8")
    candidate = Candidate(name="d", kind="distilled", params={"unlabelled": name, **params}, parts=(TEACHER, STUDENT))
    with pytest.raises(CandidateError) as problem:
        load_any(candidate, context(tmp_path))
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("parts", "params", "said"),
    [
        ((TEACHER,), {}, "is made of 1 other candidate, and this kind takes 2"),
        ((STUDENT, TEACHER), {}, "'teacher' (constant) learns nothing from examples, so it cannot be taught"),
        (
            (TEACHER, Candidate(name="c", kind="chat", params={"model": "m", "few_shot": 2})),
            {},
            "'c' (chat) runs elsewhere and cannot be taught here",
        ),
        ((TEACHER, STUDENT), {"truth": 1}, "leaves nothing that the teacher would be asked"),
        ((TEACHER, STUDENT), {"temprature": 1}, "Did you mean 'temperature'"),
        ((TEACHER, STUDENT), {"column": "text"}, "none is named"),
    ],
)
def test_what_cannot_be_distilled_says_why_and_what_could(
    parts: tuple[Candidate, ...], params: dict[str, JSON], said: str
) -> None:
    candidate = Candidate(name="d", kind="distilled", params=params, parts=parts)
    with pytest.raises(CandidateError) as problem:
        load_any(candidate, context())
    assert said in str(problem.value)
    assert problem.value.next_step


@needs_data
def test_a_chat_model_teaches_a_linear_one_on_real_sentences(tmp_path: Path) -> None:
    """Seven intents: 3 labelled sentences of each, 60 unlabelled ones, and an API that fails now and then.

    What the teacher says in sentences makes the student far better than the few labels alone.
    """
    few, test = snips(3), snips(30, 70)
    (tmp_path / "more.txt").write_text("\n".join(str(example.input) for example in snips(60, 3)), "utf-8")
    truth = {str(example.input): str(example.target) for example in snips(100)}
    classes = sorted({*truth.values()})
    notes: list[str] = []
    said = lambda messages: f"The label is **{truth[messages[-1]['content']]}**."  # noqa: E731
    with FakeProvider(said, faults=[Fault("server_error", probability=0.1)]) as provider:
        api = Candidate(name="api", kind="chat", params={"model": "big", "base_url": provider.base_url})
        where = context(tmp_path, notes, classes)
        learner = pupil("distilled", [api, STUDENT], where, unlabelled="more.txt")
        student = taught(
            learner,
            few,
            lambda _, examples: asked(load(api, where), [example.input for example in examples]),
        )
    alone = accuracy(trained(STUDENT, where, few), test)
    assert "could not be had" in notes[-1]
    assert accuracy(student, test) > alone + 0.1
