"""More examples to learn from: changed, mixed, in other words, or from a file; the same ones every time."""

from __future__ import annotations

import importlib.util
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merits.candidates.augmenting.making import Maker
from merits.candidates.augmenting.smote import smote
from merits.candidates.registry import LoadContext, load, load_any
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, SoftTrainable, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.sounds import Sound, wav_of
from merits.stats import difference_bounds
from merits.testing.contracts.model import ModelContract
from tests.candidates.taught import FAILED, accuracy, answers, pupil, taught, trained

STUDENT = Candidate(name="student", kind="text-linear")
SEEING = Candidate(name="seeing", kind="seen")


def context(folder: Path = Path(), notes: list[str] | None = None, **more: Any) -> LoadContext:
    note = (lambda text: None) if notes is None else notes.append
    return LoadContext(**{"folder": folder, "classes": ("bad", "good"), "env": {}, "note": note, **more})


def days(n: int, start: int = 0) -> list[Example]:
    words = ("bad", "good")
    return [
        Example(f"e{i}", f"please fix the big problem of a {words[i % 2]} day, number {i}", words[i % 2])
        for i in range(start, start + n)
    ]


def augmented(where: LoadContext, student: Candidate = STUDENT, **params: JSON) -> Trainable:
    model = load(Candidate(name="more", kind="augmented", params=params, parts=(student,)), where)
    assert isinstance(model, Trainable)
    return model


class TestContract(ModelContract):
    inputs: ClassVar = ("a good day", "a bad day")
    examples: ClassVar = tuple(days(20))

    def make(self) -> Model:
        return augmented(context(), methods={"typos": 0.05})


@pytest.mark.parametrize("method", ["typos", "synonyms", "dropped_words", "word_swap", "keyboard"])
def test_texts_are_changed_and_the_label_stays(method: str) -> None:
    """Every copy is of the same group as what it was made of: none tells on the other where part is held out."""
    made = Maker({method: 0.5}, 2, context()).made_of(days(6))
    assert 6 < len(made) <= 12
    for one in made:
        source = next(e for e in days(6) if one.example.id.startswith(f"{e.id} "))
        assert one.example.input != source.input
        assert (one.example.target, one.example.group) == (source.target, source.input_hash)
        assert one.example.tags == {"source": method}


def test_the_same_seed_makes_the_same_and_another_seed_others() -> None:
    def inputs(seed: int) -> list[JSON]:
        return [one.example.input for one in Maker({"typos": 0.1}, 3, context(seed=seed)).made_of(days(4))]

    assert inputs(1) == inputs(1) != inputs(2)
    assert len(set(map(str, inputs(1)))) == 12


def test_it_says_from_where_the_examples_are(tmp_path: Path) -> None:
    """Merged data keep their provenance: a column says it, or the file's name does."""
    (tmp_path / "old.csv").write_text(
        "text,label,source\na fine good thing,good,forum\na sad bad thing,bad,\nour really bad luck today,bad,mail\n",
        "utf-8",
    )
    notes: list[str] = []
    model = augmented(context(tmp_path, notes), methods=["typos"], extra="old.csv")
    model.fit(days(4))
    assert notes == [
        "more: learns from 4 examples, and of further ones 1 by forum, 1 by old.csv, 1 by mail, 7 by typos"
    ]


def test_extra_examples_that_the_task_holds_are_left_out(tmp_path: Path) -> None:
    """They might be in test, and then it would know the answers."""
    held = days(1, 100)[0]
    (tmp_path / "old.csv").write_text(f'text,label\n"{held.input}",good\nour bad luck,bad\n', "utf-8")
    notes: list[str] = []
    made = Candidate(name="more", kind="augmented", params={"extra": "old.csv"}, parts=(STUDENT,))
    before = load(made, context(tmp_path)).fingerprint
    found: Any = load(made, context(tmp_path, notes, held=lambda: {held.input_hash}))
    found.fit(days(4))
    assert notes == [
        "more: 1 examples of old.csv are in the task, and are left out",
        "more: learns from 4 examples, and of further ones 1 by old.csv",
    ]
    assert found.fingerprint != before


@pytest.mark.parametrize(
    ("params", "parts", "said"),
    [
        ({}, (STUDENT,), "nothing says how examples are made"),
        ({"methods": ["tpyos"]}, (STUDENT,), "there is no method 'tpyos'"),
        ({"methods": {"mixup": 0.2}}, (Candidate(name="m", kind="most-common"),), "learns shares of labels"),
        ({"methods": ["typos"]}, (Candidate(name="c", kind="constant", params={"output": "x"}),), "learns nothing"),
        ({"column": "text"}, (STUDENT,), "none is named"),
        (
            {},
            (STUDENT, Candidate(name="api", kind="chat", params={"model": "m", "prompt": "In other words: {input}"})),
            "is told to answer with a label",
        ),
        (
            {},
            (STUDENT, *(Candidate(name=n, kind="chat", params={"model": n, "labels": False}) for n in "ab")),
            "'a' (chat) runs elsewhere",
        ),
    ],
)
def test_what_cannot_be_augmented_says_why_and_what_to_do(
    params: dict[str, JSON], parts: tuple[Candidate, ...], said: str
) -> None:
    with pytest.raises(CandidateError) as problem:
        load_any(Candidate(name="more", kind="augmented", params=params, parts=parts), context())
    assert said in str(problem.value)


def test_a_strength_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(CandidateError, match="typos: 7 is no strength: a share of letters is from 0 to 1"):
        augmented(context(), methods={"typos": 7}).fit(days(4))


def test_a_label_that_the_task_does_not_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("text,label\nx,godo\n", "utf-8")
    with pytest.raises(
        CandidateError, match=r"is labelled 'godo', which is no label of the task\. Did you mean 'good'"
    ):
        augmented(context(tmp_path), extra="old.csv")


def test_other_words_are_asked_for_once_and_learned() -> None:
    """A chat model that fails now and then: what it said is learned, and the share of the rest is told."""
    notes: list[str] = []

    def say(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [
            FAILED if n == 0 else Answer(f'"{"splendid" if e.target == "good" else "dire"} {n}"')
            for n, e in enumerate(examples)
        ]

    api = Candidate(name="api", kind="chat", params={"model": "m", "labels": False, "prompt": "Reword: {input}"})
    learner = pupil("augmented", [STUDENT, api], context(notes=notes))
    assert not isinstance(learner, Trainable)
    model = taught(learner, days(10), say)
    assert [answer.output for answer in answers(model, ["splendid 77", "dire 77"])] == ["good", "bad"]
    assert notes == [
        "augmented: 1 of 10 examples (10.0%) were put in no other words",
        "augmented: learns from 10 examples, and of further ones 9 by paraphrase",
    ]


@pytest.mark.skipif(
    not Path("/usr/share/apertium/modes/spa-eng.mode").exists() or shutil.which("apertium") is None,
    reason="needs apertium-eng-spa",
)
def test_texts_go_to_another_language_and_come_back() -> None:
    import os

    notes: list[str] = []
    there, back = (Candidate(name=pair, kind="apertium", params={"pair": pair}) for pair in ("eng-spa", "spa-eng"))
    where = context(notes=notes, env=dict(os.environ))
    model = load(Candidate(name="more", kind="augmented", parts=(STUDENT, there, back)), where)
    assert isinstance(model, Trainable)
    model.fit(days(6))
    assert "6 by back-translation" in notes[0]


def iris() -> list[Example]:
    from sklearn.datasets import load_iris

    data = load_iris()
    kept = [n for n in range(150) if data.target[n] != 2 or n % 5 == 0]
    return [
        Example(
            str(n),
            {**dict(zip("abcd", map(float, data.data[n]), strict=True)), "town": "xy"[n % 2]},
            f"c{data.target[n]}",
        )
        for n in kept
    ]


def test_rare_classes_are_filled_up_between_their_rows() -> None:
    """Every new row is inside the box of its class, and all classes are as large at the end."""
    rows = iris()
    made = smote(rows, 1.0, np.random.default_rng(0))
    counts = Counter(example.target for example in rows)
    counts.update(rows[n].target for n, _ in made)
    assert set(counts.values()) == {50}
    rare: list[Any] = [example.input for example in rows if example.target == "c2"]
    for n, row in made:
        assert rows[n].target == "c2"
        for name in "abcd":
            assert min(one[name] for one in rare) <= float(str(row[name])) <= max(one[name] for one in rare)
        assert row["town"] in ("x", "y")


def test_smote_draws_between_neighbours_as_its_definition_says() -> None:
    """The slow definition: each new point lies on a line to one of the five nearest of its class."""
    rows = [
        Example(str(n), {"x": float(x), "y": float(y)}, "rare")
        for n, (x, y) in enumerate(np.random.default_rng(3).normal(size=(12, 2)))
    ]
    others = [Example(f"o{n}", {"x": float(n), "y": 0.0}, "common") for n in range(40)]
    for n, row in smote([*rows, *others], 0.5, np.random.default_rng(0)):
        all_points = np.array([[e.input["x"], e.input["y"]] for e in (*rows, *others)])  # type: ignore[index,call-overload]
        points = all_points[:12] / all_points.std(axis=0)
        new = np.array([row["x"], row["y"]]) / all_points.std(axis=0)
        near = np.argsort(((points - points[n]) ** 2).sum(axis=1))[1:6]
        off = []
        for at in near:
            along = points[at] - points[n]
            share = float(np.clip((new - points[n]) @ along / (along @ along), 0, 1))
            off.append(np.abs(points[n] + share * along - new).max())
        assert min(off) < 1e-6


@pytest.mark.parametrize("method", ["smote", "jitter"])
def test_rows_of_a_table_are_learned_from(method: str) -> None:
    where = context(classes=("c0", "c1", "c2"))
    student = Candidate(name="s", kind="sklearn", params={"estimator": "sklearn.linear_model.LogisticRegression"})
    model = augmented(where, student, methods=[method])
    rows = iris()
    model.fit(rows)
    assert accuracy(model, rows) > 0.9


@pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs Pillow")
@pytest.mark.parametrize("methods", [{"flip": 1.0, "crop": 2}, {"colour": 3, "occlusion": 4}, {"mixup": 0.4}])
def test_pictures_are_changed_and_mixed(methods: dict[str, JSON], tmp_path: Path) -> None:
    """What is made is a file of its own, in the task's folder, and made once."""
    from tests.media.painting import painted

    names = painted(tmp_path, 10)
    examples = [Example(name, name, name.split("/")[0]) for name in names]
    where = context(tmp_path, task_kind="image-classification", classes=("blue", "red"))
    student = Candidate(name="s", kind="sklearn", params={"estimator": "sklearn.linear_model.LogisticRegression"})
    times = []
    for _ in range(2):
        model = augmented(where, student, methods=methods)
        model.fit(examples)
        assert accuracy(model, examples) == 1.0
        files = sorted((tmp_path / ".merits" / "augmented").iterdir())
        assert len(files) == 20 * len(methods)
        times.append([file.stat().st_mtime_ns for file in files])
    assert times[0] == times[1]


def test_sounds_are_changed(tmp_path: Path) -> None:
    """Each method makes another sound of it, which can be read."""
    pytest.importorskip("soundfile", reason="needs the extra speech")
    from merits.media.sounds import read_sound

    tone = Sound((0.5 * np.sin(np.arange(8_000) / 5)).astype(np.float32), 8_000)
    (tmp_path / "a.wav").write_bytes(wav_of(tone))
    strengths = {"white_noise": 10.0, "speed": 1.25, "pitch": 3.0, "masking": 0.4}
    made = Maker(strengths, 1, context(tmp_path)).made_of([Example("a", "a.wav", "x")])
    assert [one.example.tags["source"] for one in made] == [*strengths]
    for one in made:
        assert np.abs(read_sound(Path(str(one.example.input)), None).samples).max() > 0.1


def test_an_augmented_student_can_be_taught() -> None:
    """What is made of an example has the shares of labels that were said for it."""
    student = Candidate(name="more", kind="augmented", params={"methods": {"typos": 0.05}}, parts=(STUDENT,))
    assert isinstance(load(student, context()), SoftTrainable)
    teacher = Candidate(name="teacher", kind="constant", params={"output": "good"})

    def soft(_: int, examples: Sequence[Example]) -> list[Answer]:
        return [
            Answer("?", {"good": 0.8, "bad": 0.2} if e.target == "good" else {"good": 0.2, "bad": 0.8})
            for e in examples
        ]

    learner = pupil("distilled", [teacher, student], context(), truth=0.0)
    (said,) = answers(taught(learner, days(40), soft), [days(1, 101)[0].input])
    assert said.output == "good"
    assert said.probabilities is not None
    assert said.probabilities["good"] == pytest.approx(0.8, abs=0.1)


@pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs Pillow")
def test_turned_and_shifted_digits_are_understood_better(tmp_path: Path) -> None:
    """Real ones, about 5 of each to learn from: the gain is certain, on the same 800 others."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    examples = []
    for n in range(850):
        Image.fromarray((data.images[n] * 15.9).astype(np.uint8), "L").resize((16, 16)).save(tmp_path / f"{n}.png")
        examples.append(Example(f"{n}", f"{n}.png", str(data.target[n])))
    few, test = examples[:50], examples[50:]
    where = context(tmp_path, task_kind="image-classification", classes=tuple("0123456789"))
    pixels: JSON = {"size": 16, "colour": False}
    student = Candidate(
        name="s", kind="sklearn", params={"estimator": "sklearn.svm.SVC", "params": {"C": 10.0}, "pixels": pixels}
    )
    model = augmented(where, student, methods={"rotation": 2, "crop": 2}, copies=5)
    model.fit(few)
    alone = trained(student, where, few)
    found = [
        [a.output == e.target for a, e in zip(answers(m, [e.input for e in test]), test, strict=True)]
        for m in (model, alone)
    ]
    gain = difference_bounds(np.array(found[0], float), np.array(found[1], float))
    assert gain.low is not None
    assert gain.low > 0
