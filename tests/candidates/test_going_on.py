"""What has learned goes on from there: with new examples, as sound as training anew where that can be said."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load
from merits.candidates.starting import start_in, written_start
from merits.core.candidate import Candidate
from merits.core.doors import Continuing, Portable, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.continuing import ContinuingContract
from tests.candidates.taught import answers

pytest.importorskip("skops", reason="needs the extra keeping")


def table(n: int, seed: int, *, numbers: bool = False, turned: float = 0.0) -> list[Example]:
    """Rows of three numbers whose label is the side of a line, which may have turned."""
    random = np.random.default_rng(seed)
    found = []
    for number, (a, b, c) in enumerate(random.normal(size=(n, 3)).tolist()):
        value = a * np.cos(turned) + b * np.sin(turned) + 0.3 * c + float(random.normal(scale=0.3))
        target: JSON = value if numbers else ("yes" if value > 0 else "no")
        found.append(Example(f"{seed} {number}", {"a": a, "b": b, "c": c}, target, split="dev"))
    return found


def context(folder: Path | None = None, **more: Any) -> LoadContext:
    given: dict[str, Any] = {"classes": ("no", "yes"), "columns": ("a", "b", "c"), "env": {}, **more}
    return LoadContext(folder=folder or Path(tempfile.mkdtemp()), **given)


def sklearn(path: str, **params: JSON) -> Candidate:
    return Candidate(name="one", kind="sklearn", params={"estimator": path, "params": params})


def kept(candidate: Candidate, examples: Sequence[Example], where: LoadContext) -> Path:
    """The folder of what a candidate learned."""
    model, folder = load(candidate, where), Path(tempfile.mkdtemp())
    assert isinstance(model, Trainable)
    assert isinstance(model, Portable)
    model.fit(examples)
    model.keep(folder)
    return folder


def gone_on(
    candidate: Candidate, known: Sequence[Example], new: Sequence[Example], where: LoadContext, share: float = 0.3
) -> Continuing:
    """A candidate that learned the known, was put away, and goes on with the new."""
    folder, model = kept(candidate, known, where), load(candidate, where)
    assert isinstance(model, Continuing)
    assert model.cannot_go_on(folder, known, new) == ""
    model.go_on(folder, known, new, share)
    return model


def trained(candidate: Candidate, examples: Sequence[Example], where: LoadContext) -> Trainable:
    model = load(candidate, where)
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


def accuracy(model: Any, examples: Sequence[Example]) -> float:
    found = answers(model, [one.input for one in examples])
    return sum(one.output == example.target for one, example in zip(found, examples, strict=True)) / len(examples)


def test_a_convex_one_comes_to_where_training_anew_would() -> None:
    """Its optimum does not depend on where it begins; numbers are scaled as they were, which hardly matters."""
    known, new, asked = table(300, 1), table(300, 2, turned=0.5), table(50, 3)
    recipe = sklearn("sklearn.linear_model.LogisticRegression", C=100.0)
    warm, anew = gone_on(recipe, known, new, context()), trained(recipe, [*known, *new], context())
    inputs = [one.input for one in asked]
    for one, other in zip(answers(warm, inputs), answers(anew, inputs), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-3)


def test_naive_bayes_takes_in_the_new_ones_alone() -> None:
    """Its state is sums over examples: what was known is not counted twice."""
    known, new, asked = table(300, 1), table(300, 2), table(50, 3)
    recipe = sklearn("sklearn.naive_bayes.GaussianNB")
    warm, anew = gone_on(recipe, known, new, context()), trained(recipe, [*known, *new], context())
    inputs = [one.input for one in asked]
    for one, other in zip(answers(warm, inputs), answers(anew, inputs), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("sklearn.ensemble.GradientBoostingClassifier", {"n_estimators": 40}),
        ("lightgbm.LGBMClassifier", {"n_estimators": 40, "verbose": -1}),
        ("sklearn.neural_network.MLPClassifier", {"max_iter": 100, "hidden_layer_sizes": [16]}),
        ("sklearn.linear_model.SGDClassifier", {"loss": "log_loss"}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_learns_what_is_new_and_keeps_what_was_known(path: str, params: dict[str, JSON]) -> None:
    """The line turned: on new cases it is better than the old one was, and its files are read back alike."""
    pytest.importorskip(path.partition(".")[0])
    known, new, asked = table(400, 1), table(400, 2, turned=1.2), table(400, 3, turned=1.2)
    recipe, where = sklearn(path, **params), context()
    old, warm = trained(recipe, known, where), gone_on(recipe, known, new, where)
    assert accuracy(warm, asked) > accuracy(old, asked) + 0.05
    folder, again = Path(tempfile.mkdtemp()), load(recipe, where)
    assert isinstance(again, Portable)
    warm.keep(folder)
    again.restore(folder)
    inputs = [one.input for one in asked[:20]]
    assert [one.output for one in answers(again, inputs)] == [one.output for one in answers(warm, inputs)]


def test_boosting_of_numbers_adds_trees_by_all_examples() -> None:
    """XGBoost's count is that of before and a share more."""
    pytest.importorskip("xgboost")
    where = context(task_kind="regression", classes=())
    known, new = table(300, 1, numbers=True), table(300, 2, numbers=True, turned=1.0)
    warm: Any = gone_on(sklearn("xgboost.XGBRegressor", n_estimators=20), known, new, where, share=0.5)
    booster = warm.insides.open().estimator.steps[-1][1]
    assert booster.get_booster().num_boosted_rounds() == 30
    assert booster.n_estimators == 30
    errors = [float(a.output) - e.target for a, e in zip(answers(warm, [e.input for e in new]), new, strict=True)]
    old: Any = trained(sklearn("xgboost.XGBRegressor", n_estimators=20), known, where)
    before = [float(a.output) - e.target for a, e in zip(answers(old, [e.input for e in new]), new, strict=True)]
    assert np.square(errors).mean() < 0.5 * np.square(before).mean()


@pytest.mark.parametrize(
    ("path", "params", "why"),
    [
        ("sklearn.ensemble.RandomForestClassifier", {}, "begins anew"),
        ("sklearn.ensemble.HistGradientBoostingClassifier", {}, "begins anew"),
        ("sklearn.linear_model.LogisticRegression", {"solver": "liblinear"}, "liblinear"),
        ("sklearn.neural_network.MLPClassifier", {"early_stopping": True}, "when to stop"),
        ("sklearn.ensemble.GradientBoostingClassifier", {"n_iter_no_change": 3}, "when to stop"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_would_not_be_sound_is_said(path: str, params: dict[str, JSON], why: str) -> None:
    """Whoever trains it then does so from nothing."""
    known, recipe, where = table(100, 1), sklearn(path, **params), context()
    model = load(recipe, where)
    assert isinstance(model, Continuing)
    assert why in model.cannot_go_on(kept(recipe, known, where), known, table(10, 2))


def test_new_labels_new_categories_and_new_words_begin_from_nothing() -> None:
    """What an encoder or a head has no place for would never be learned."""
    recipe, where = sklearn("sklearn.linear_model.LogisticRegression"), context(columns=("city",))
    known = [Example(str(n), {"city": ("Bonn", "Rome")[n % 2]}, ("no", "yes")[n % 2]) for n in range(40)]
    folder, model = kept(recipe, known, where), load(recipe, where)
    assert isinstance(model, Continuing)
    assert model.cannot_go_on(folder, known, known[:1]) == ""
    assert "'maybe'" in model.cannot_go_on(folder, known, [Example("x", {"city": "Bonn"}, "maybe")])
    assert "'Oslo'" in model.cannot_go_on(folder, known, [Example("x", {"city": "Oslo"}, "no")])
    words = Candidate(name="words", kind="text-linear")
    texts = [Example(str(n), f"{('bad', 'good')[n % 2]} {n}", ("no", "yes")[n % 2]) for n in range(40)]
    model = load(words, context(columns=()))
    assert isinstance(model, Continuing)
    assert "words" in model.cannot_go_on(kept(words, texts, context(columns=())), texts, texts[:1])


def warm(folder: Path, known: Sequence[Example], recipe: Candidate, where: LoadContext) -> Candidate:
    """The recipe of one that begins with what another one learned."""
    place, hash = written_start(folder / "starts", kept(recipe, known, where), [one.input_hash for one in known])
    params: dict[str, JSON] = {"start": place.relative_to(folder).as_posix(), "hash": hash}
    return Candidate(name="warm", kind="warm-start", params=params, parts=(recipe,))


def test_what_it_begins_with_is_part_of_what_it_is(tmp_path: Path) -> None:
    """Another start is another candidate, with another version; the same one comes to the same answers."""
    where, recipe = context(tmp_path), sklearn("sklearn.linear_model.LogisticRegression")
    first, other = (warm(tmp_path, table(100, seed), recipe, where) for seed in (1, 2))
    assert first.id != other.id
    assert load(first, where).fingerprint != load(other, where).fingerprint
    examples, inputs = [*table(100, 1), *table(50, 5)], [one.input for one in table(30, 6)]
    said = [answers(trained(first, examples, where), inputs) for _ in range(2)]  # type: ignore[arg-type]
    assert [one.probabilities for one in said[0]] == [one.probabilities for one in said[1]]


def test_what_is_held_out_may_not_have_been_learned_before(tmp_path: Path) -> None:
    """In cross-validation its answers would be to examples that it knows."""
    where, known = context(tmp_path), table(100, 1)
    recipe = warm(tmp_path, known, sklearn("sklearn.linear_model.LogisticRegression"), where)
    with pytest.raises(CandidateError, match="20 examples that are held out"):
        trained(recipe, known[:80], where)


def test_a_start_that_was_changed_or_is_gone_is_refused(tmp_path: Path) -> None:
    where, known = context(tmp_path), table(100, 1)
    recipe = warm(tmp_path, known, sklearn("sklearn.linear_model.LogisticRegression"), where)
    folder = tmp_path / str(recipe.params["start"])
    assert start_in(folder, str(recipe.params["hash"])).learned == {one.input_hash for one in known}
    (folder / "learned.json").write_text("[]")
    with pytest.raises(CandidateError, match="not what the recipe names"):
        trained(recipe, known, where)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(CandidateError, match="no folder"):
        trained(recipe, known, where)


def test_it_is_kept_as_its_part_is_and_needs_no_start_then(tmp_path: Path) -> None:
    """A release holds what was learned in the end."""
    where, known = context(tmp_path), table(100, 1)
    recipe = warm(tmp_path, known, sklearn("sklearn.linear_model.LogisticRegression"), where)
    model: Any = trained(recipe, [*known, *table(20, 2)], where)
    folder, elsewhere = Path(tempfile.mkdtemp()), context()
    model.keep(folder)
    again: Any = load(recipe, elsewhere)
    again.restore(folder)
    inputs = [one.input for one in table(10, 3)]
    assert [one.probabilities for one in answers(again, inputs)] == [
        one.probabilities for one in answers(model, inputs)
    ]


def test_what_begins_anew_whenever_it_learns_is_refused(tmp_path: Path) -> None:
    params: dict[str, JSON] = {"start": "nowhere", "hash": "0"}
    part = Candidate(name="often", kind="bagged", parts=(Candidate(name="t", kind="text-linear"),))
    with pytest.raises(CandidateError, match="begins anew"):
        load(Candidate(name="w", kind="warm-start", params=params, parts=(part,)), context(tmp_path))


def sentences(n: int, *, words: Sequence[str] = ("calm", "wild"), start: int = 0) -> list[Example]:
    """Sentences in which one word of two says the label."""
    return [
        Example(str(k), f"a {words[k % 2]} horse number {k}", ("no", "yes")[k % 2], split="dev")
        for k in range(start, start + n)
    ]


@pytest.mark.parametrize("more", [{}, {"lora": {"rank": 4}}], ids=["whole", "adapter"])
def test_an_encoder_goes_on_from_its_weights(tmp_path: Path, more: dict[str, JSON]) -> None:
    """It knows what it knew after one epoch of ten, learns the new words, and is the same each time."""
    for package in ("torch", "transformers", "accelerate", *(["peft"] if more else [])):
        pytest.importorskip(package)
    from tests.candidates.tiny_encoders import tiny_encoder

    folder = tiny_encoder(tmp_path / "encoder", ["a", "calm", "wild", "mild", "mad", "horse", "number"])
    rates: dict[str, JSON] = {"learning_rate": 0.03 if more else 0.01, "head_learning_rate": 0.03}
    params: dict[str, JSON] = {"path": str(folder), "epochs": 10, "batch_size": 8, "checkpoints": False}
    recipe = Candidate(name="t", kind="transformer-finetune", params={**params, **rates, **more})
    where = context(tmp_path, columns=())
    known, new = sentences(60), sentences(60, words=("mild", "mad"), start=100)
    asked = [*sentences(10, start=60), *sentences(10, words=("mild", "mad"), start=200)]
    first, again = (gone_on(recipe, known, new, where, share=0.5) for _ in range(2))
    assert accuracy(first, asked) == 1.0
    inputs = [one.input for one in asked]
    assert [a.probabilities for a in answers(first, inputs)] == [a.probabilities for a in answers(again, inputs)]  # type: ignore[arg-type]
    little = gone_on(recipe, known, new[:4], where, share=0.1)
    assert accuracy(little, sentences(10, start=60)) == 1.0
    assert "'maybe'" in little.cannot_go_on(kept(recipe, known, where), known, [Example("x", "a horse", "maybe")])


def test_a_network_of_pictures_goes_on_from_its_weights(tmp_path: Path) -> None:
    """One epoch of many is enough for what it knew; a training that was done before is read from its checkpoint."""
    pytest.importorskip("torch")
    from tests.candidates.drawn import draw

    notes: list[str] = []
    where = context(tmp_path, columns=(), task_kind="image-classification", data_folders=(tmp_path,), note=notes.append)

    def shown(shades: Sequence[str], n: int) -> list[Example]:
        found = []
        for k in range(n):
            name = f"{shades[k % 2]}-{k}.png"
            draw(tmp_path / name, shades[k % 2], ("square", "circle")[k // 2 % 2], at=4 + k % 8)
            found.append(Example(name, name, ("no", "yes")[k % 2], split="dev"))
        return found

    known, new = shown(("red", "blue"), 40), shown(("yellow", "green"), 40)
    params: dict[str, JSON] = {"size": 16, "channels": [8], "epochs": 30, "learning_rate": 0.02}
    recipe = Candidate(name="i", kind="image-cnn", params=params)
    warm_one = gone_on(recipe, known, new, where, share=0.5)
    assert accuracy(warm_one, [*known, *new]) > 0.9
    n_notes = len(notes)
    same = gone_on(recipe, known, new, where, share=0.5)
    assert any("trained before" in note for note in notes[n_notes:])
    inputs = [one.input for one in (*known, *new)]
    for one, other in zip(answers(same, inputs), answers(warm_one, inputs), strict=True):  # type: ignore[arg-type]
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)  # company in a batch rounds otherwise


def test_only_new_examples_say_when_to_stop() -> None:
    """What was learned before would say that all is well."""
    from merits.candidates.cnn.held_out import of_the_new

    apart = of_the_new(table(50, 1), table(30, 2), 0.1, seed=0)
    assert not apart[:50].any()
    assert 4 <= int(apart.sum()) <= 8
    assert not of_the_new(table(50, 1), table(30, 2), 0.0, seed=0).any()


def test_what_learns_online_goes_on_with_its_next_lessons() -> None:
    """As it would have in production: the same state as one pass over all, bit for bit."""
    pytest.importorskip("river")
    recipe = Candidate(name="o", kind="online", params={"steps": "constant"})
    known, new, where = table(100, 1), table(50, 2), context()
    going: Any = gone_on(recipe, known, new, where)
    whole: Any = trained(recipe, [*known, *new], where)
    assert going.state() == whole.state()


class GoesOn(ContinuingContract):
    """The contract, for a recipe."""

    recipe: ClassVar[Candidate]

    def make(self) -> Continuing:
        found = load(self.recipe, LoadContext(classes=("no", "yes"), columns=("a", "b"), env={}))
        assert isinstance(found, Continuing)
        return found


class TestLogisticRegressionGoesOn(GoesOn):
    recipe: ClassVar = sklearn("sklearn.linear_model.LogisticRegression")


class TestBoostingGoesOn(GoesOn):
    recipe: ClassVar = sklearn("sklearn.ensemble.GradientBoostingClassifier", n_estimators=10)


class TestNaiveBayesGoesOn(GoesOn):
    recipe: ClassVar = sklearn("sklearn.naive_bayes.GaussianNB")


@pytest.mark.skipif(importlib.util.find_spec("river") is None, reason="needs the extra drift")
class TestOnlineGoesOn(GoesOn):
    recipe: ClassVar = Candidate(name="o", kind="online")
