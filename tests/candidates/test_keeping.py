"""What has learned is kept without a pickle, and answers as before: every kind of candidate that can be."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from merits.candidates.keeping import keep_arrays, keep_estimator, kept_arrays, kept_estimator
from merits.candidates.registry import LoadContext, load, load_any, names_of_kinds
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Portable, Pupil, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.sounds import Sound, wav_of
from merits.testing.contracts.portable import PortableContract
from tests.candidates.drawn import examples_in as drawings
from tests.candidates.kept_once import kept_as_it_was
from tests.candidates.test_multimodal import CLASSES, MEMBERS, examples_in
from tests.candidates.test_recommending import PACKAGES, QUICK, history, two_tastes
from tests.candidates.tiny_encoders import tiny_encoder

pytest.importorskip("skops", reason="needs the extra keeping")

TEXT = Candidate(name="text", kind="text-linear")
TABLE: tuple[Example, ...] = tuple(
    Example(
        str(number),
        {"age": number, "city": ("Bonn", "Rome")[number % 2], "note": f"{('calm', 'wild')[number % 2]} one {number}"},
        ("no", "yes")[number % 2],
        split="dev",
    )
    for number in range(60)
)
NUMBERS: tuple[Example, ...] = tuple(
    Example(str(n), {"size": float(n), "rooms": n % 5}, 2.0 * n + n % 5, split="dev") for n in range(80)
)


def has(*packages: str) -> Any:
    lacking = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"needs {', '.join(lacking)}")


ASSETS = Path(__file__).parents[2] / ".assets"
needs_minilm = pytest.mark.skipif(not (ASSETS / "all-MiniLM-L6-v2-int8").is_dir(), reason="fetch it with `make assets`")
needs_efficientnet = pytest.mark.skipif(not (ASSETS / "efficientnet-lite0").is_dir(), reason="fetch it: `make assets`")


class Kept(PortableContract):
    """A recipe in a context."""

    recipe: ClassVar[Candidate] = TEXT
    context: ClassVar[Mapping[str, Any]] = {"classes": ("negative", "positive")}

    def make(self) -> Portable:
        found = load_any(self.recipe, LoadContext(env={"MERITS_ASSETS": str(ASSETS)}, **self.context))
        assert isinstance(found, Portable)
        return found


class TestTextLinear(Kept):
    pass


class OfTable(Kept):
    context: ClassVar = {"classes": ("no", "yes"), "columns": ("age", "city", "note")}
    examples: ClassVar = TABLE
    inputs: ClassVar = (
        {"age": 3, "city": "Rome", "note": "wild one"},
        {"age": "", "city": "Oslo", "note": ""},
        {"city": "Bonn"},
    )


class TestTextLinearOfColumns(OfTable):
    pass


class TestSklearnForest(OfTable):
    recipe: ClassVar = Candidate(
        name="f", kind="sklearn", params={"estimator": "sklearn.ensemble.RandomForestClassifier"}
    )


class TestSklearnHistogramBoosting(OfTable):
    recipe: ClassVar = Candidate(
        name="f", kind="sklearn", params={"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"}
    )


class TestSklearnBoosting(OfTable):
    recipe: ClassVar = Candidate(
        name="f", kind="sklearn", params={"estimator": "sklearn.ensemble.GradientBoostingClassifier"}
    )


@has("lightgbm")
class TestLightGBM(OfTable):
    recipe: ClassVar = Candidate(
        name="f", kind="sklearn", params={"estimator": "lightgbm.LGBMClassifier", "params": {"n_estimators": 5}}
    )


@has("xgboost")
class TestXGBoost(OfTable):
    recipe: ClassVar = Candidate(
        name="f", kind="sklearn", params={"estimator": "xgboost.XGBRegressor", "params": {"n_estimators": 5}}
    )
    context: ClassVar = {"task_kind": "regression", "columns": ("size", "rooms")}
    examples: ClassVar = NUMBERS
    inputs: ClassVar = ({"size": 7.0, "rooms": 2}, {"size": None})


class TestSklearnPipeline(Kept):
    recipe: ClassVar = Candidate(
        name="p",
        kind="sklearn",
        params={
            "pipeline": [
                {"estimator": "sklearn.feature_extraction.text.CountVectorizer"},
                {
                    "estimator": "sklearn.calibration.CalibratedClassifierCV",
                    "params": {"estimator": {"estimator": "sklearn.svm.LinearSVC"}},
                },
            ]
        },
    )


class TestSklearnNeighbours(OfTable):
    recipe: ClassVar = Candidate(
        name="n", kind="sklearn", params={"estimator": "sklearn.neighbors.KNeighborsClassifier"}
    )


class TestSklearnNetwork(OfTable):
    recipe: ClassVar = Candidate(
        name="n",
        kind="sklearn",
        params={"estimator": "sklearn.neural_network.MLPClassifier", "params": {"max_iter": 5}},
    )

    @pytest.fixture(autouse=True)
    def _quiet(self) -> None:
        import warnings

        warnings.simplefilter("ignore")


class TestSklearnDescent(OfTable):
    recipe: ClassVar = Candidate(
        name="n",
        kind="sklearn",
        params={"estimator": "sklearn.linear_model.SGDClassifier", "params": {"loss": "log_loss"}},
    )


@needs_minilm
@has("onnxruntime", "tokenizers")
class TestEmbeddingsLinear(Kept):
    recipe: ClassVar = Candidate(name="e", kind="embeddings-linear")


@needs_minilm
@has("onnxruntime", "tokenizers")
class TestSklearnOverEmbeddings(Kept):
    recipe: ClassVar = Candidate(
        name="e",
        kind="sklearn",
        params={"estimator": "sklearn.neighbors.NearestCentroid", "features": "embeddings"},
    )


class OfNumbers(Kept):
    context: ClassVar = {"task_kind": "regression", "columns": ("size", "rooms")}
    examples: ClassVar = NUMBERS
    inputs: ClassVar = ({"size": 7.0, "rooms": 2}, {"size": None}, {})


class TestQuantileBoosting(OfNumbers):
    recipe: ClassVar = Candidate(name="q", kind="quantile-boosting", params={"iterations": 5})


class TestLinearQuantile(OfNumbers):
    recipe: ClassVar = Candidate(name="q", kind="linear-quantile")


class TestMean(OfNumbers):
    recipe: ClassVar = Candidate(name="m", kind="mean")


class TestMostCommon(Kept):
    recipe: ClassVar = Candidate(name="m", kind="most-common")


class TestBagged(Kept):
    recipe: ClassVar = Candidate(name="b", kind="bagged", params={"copies": 3}, parts=(TEXT,))


class TestBoosted(OfTable):
    recipe: ClassVar = Candidate(
        name="b",
        kind="boosted",
        params={"copies": 3},
        parts=(
            Candidate(
                name="t",
                kind="sklearn",
                params={"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 1}},
            ),
        ),
    )
    # one column says it all, so a tree that sees another one too is never perfect
    examples: ClassVar = tuple(
        msgspec.structs.replace(one, target="no" if number % 7 == 0 else one.target) for number, one in enumerate(TABLE)
    )


class TestAugmented(Kept):
    recipe: ClassVar = Candidate(name="a", kind="augmented", params={"methods": ["typos"]}, parts=(TEXT,))


class OfParts(Kept):
    """A pupil: its teachers say what they are told to."""

    def teach(self, model: Portable) -> None:
        assert isinstance(model, Pupil)
        wanted = model.asks(self.examples)
        said = {teacher: {one.input_hash: self.told(teacher, one) for one in wanted} for teacher in model.teachers}
        model.learn(self.examples, said)

    def told(self, teacher: int, example: Example) -> Answer:
        """What a teacher says: the second one is often wrong."""
        wrong = teacher == 1 and int(example.id) % 3 == 0
        label = {"positive": "negative", "negative": "positive"}[str(example.target)] if wrong else str(example.target)
        return Answer(label, confidence=0.8)


class TestStackOfLabels(OfParts):
    recipe: ClassVar = Candidate(
        name="s",
        kind="stack",
        params={"inputs": True},
        parts=(TEXT, Candidate(name="c", kind="constant", params={"output": "positive"})),
    )

    def said(self, model: Portable) -> list[Answer]:
        from merits.core.steps import replay

        parts = [Answer("positive", confidence=0.9), Answer("negative", confidence=0.6)]
        return [replay(model.steps(input), parts.__getitem__) for input in self.inputs]  # type: ignore[attr-defined]


class TestDistilled(OfParts):
    recipe: ClassVar = Candidate(
        name="d",
        kind="distilled",
        params={"truth": 0.0},
        parts=(Candidate(name="c", kind="constant", params={"output": "positive"}), TEXT),
    )


class TestFewShotChat(Kept):
    recipe: ClassVar = Candidate(
        name="c",
        kind="chat",
        params={"model": "m", "base_url": "http://localhost:9/v1", "provider": "vllm", "few_shot": 4},
    )

    def said(self, model: Portable) -> list[Answer]:
        """What it would ask: nobody answers here."""
        return [Answer(msgspec.json.encode(model.body(one)).decode()) for one in self.inputs]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(QUICK))
class TestRecommenders:
    """All six, in one suite."""

    def test_keeps_the_contract(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The suite's tests, one after the other."""
        pytest.importorskip(PACKAGES.get(kind, "numpy"))

        class Suite(Kept):
            recipe: ClassVar = Candidate(name=kind, kind=kind, params={"k": 5, **QUICK[kind]})
            context: ClassVar = {"task_kind": "recommendation"}
            examples: ClassVar = two_tastes()
            inputs: ClassVar = (history("a1", "a2"), history(), history("b3", "common", user="7"), history("gone"))

        suite = Suite()
        for name in sorted(dir(suite)):
            if name.startswith("test_"):
                arguments = [monkeypatch] if name == "test_nothing_is_unpickled" else []
                getattr(suite, name)(*arguments)
                monkeypatch.undo()

    def test_learns_on_after_it_was_restored(self, kind: str, tmp_path: Path) -> None:
        """New users and items are taken in as if it had never been away."""
        pytest.importorskip(PACKAGES.get(kind, "numpy"))
        recipe = Candidate(name=kind, kind=kind, params={"k": 5, **QUICK[kind]})
        context = LoadContext(task_kind="recommendation", env={})
        model: Any = load(recipe, context)
        model.fit(two_tastes())
        model.keep(tmp_path)
        restored: Any = load(recipe, context)
        restored.restore(tmp_path)
        restored.update([Example("new", {"user": "new", "items": ["a1", "brand new"]}, split="dev")])
        assert asyncio.run(restored.answer(history("a1"))).output


WORDS = ["good", "bad", "number", "this", "is", "neither", "of", "them", *map(str, range(30))]


@has("torch", "transformers", "accelerate")
class TestFineTuned(Kept):
    folder: ClassVar[Path]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _encoder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = tiny_encoder(tmp_path_factory.mktemp("encoder"), WORDS)

    def make(self) -> Portable:
        params: dict[str, JSON] = {"path": str(self.folder), "epochs": 1}
        found = load(
            Candidate(name="t", kind="transformer-finetune", params=params),
            LoadContext(folder=self.folder.parent, classes=("negative", "positive"), env={}),
        )
        assert isinstance(found, Portable)
        return found


def pictures(folder: Path) -> list[Example]:
    from PIL import Image

    random, found = np.random.default_rng(0), []
    for number in range(24):
        label = ("blue", "red")[number % 2]
        pixels = random.integers(0, 60, (12, 12, 3), np.uint8)
        pixels[:, :, 2 if label == "blue" else 0] += 150
        Image.fromarray(pixels).save(folder / f"{number}.png")
        found.append(Example(str(number), f"{number}.png", label, split="dev", input_hash=label))
    return found


class OfPictures(Kept):
    folder: ClassVar[Path]
    inputs: ClassVar = ("0.png", "1.png", "5.png")

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _pictures(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = tmp_path_factory.mktemp("pictures")
        cls.examples = pictures(cls.folder)

    def make(self) -> Portable:
        context = LoadContext(
            folder=self.folder,
            task_kind="image-classification",
            classes=("blue", "red"),
            env={"MERITS_ASSETS": str(ASSETS)},
            named=("picture",),
        )
        found = load(self.recipe, context)
        assert isinstance(found, Portable)
        return found


@has("torch", "PIL")
class TestImageCnn(OfPictures):
    recipe: ClassVar = Candidate(name="i", kind="image-cnn", params={"size": 8, "channels": [4], "epochs": 1})


@needs_efficientnet
@has("torch", "PIL")
class TestImageBackboneLinear(OfPictures):
    recipe: ClassVar = Candidate(name="i", kind="image-backbone-linear", params={"size": 32})


@has("PIL")
class TestSklearnOfPixels(OfPictures):
    recipe: ClassVar = Candidate(
        name="i", kind="sklearn", params={"estimator": "sklearn.linear_model.LogisticRegression"}
    )


@has("soundfile")
class TestSoundLinear(Kept):
    folder: ClassVar[Path]
    inputs: ClassVar = ("0.wav", "1.wav")

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _sounds(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = tmp_path_factory.mktemp("sounds")
        random, examples = np.random.default_rng(1), []
        for number in range(12):
            label, pitch = (("low", 200.0), ("high", 1200.0))[number % 2]
            samples = np.sin(np.arange(4_000) * 2 * np.pi * pitch / 8_000) + 0.1 * random.standard_normal(4_000)
            name = f"{number}.wav"
            (cls.folder / name).write_bytes(wav_of(Sound(0.5 * samples.astype(np.float32), 8_000)))
            examples.append(Example(name, name, label, split="dev", input_hash=name))
        cls.examples = tuple(examples)

    def make(self) -> Portable:
        context = LoadContext(folder=self.folder, classes=("high", "low"), env={}, named=("sound",))
        found = load(Candidate(name="s", kind="sound-linear"), context)
        assert isinstance(found, Portable)
        return found


@has("PIL")
class TestJointEmbeddings(Kept):
    folder: ClassVar[Path]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _both(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Pictures, captions that are texts, captions that are a few categories, and numbers."""
        cls.folder = tmp_path_factory.mktemp("both")
        cls.examples = tuple(
            msgspec.structs.replace(one, input={**one.input, "note": f"{words} it is said, number {number}"})  # type: ignore[dict-item]
            for number, one in enumerate(examples_in(cls.folder))
            for words in [str(one.input["caption"])]  # type: ignore[index, call-overload]
        )
        cls.inputs = (
            *(one.input for one in cls.examples[::9]),
            {},
            {"picture": "", "note": "four corners"},
            {"x": [1]},
        )

    def make(self) -> Portable:
        context = LoadContext(folder=self.folder, task_kind="multimodal-classification", classes=CLASSES, env={})
        found = load(Candidate(name="j", kind="joint-embeddings"), context)
        assert isinstance(found, Portable)
        return found


@has("PIL")
class TestLateFusionOfJointEmbeddings(TestJointEmbeddings):
    def make(self) -> Portable:
        context = LoadContext(folder=self.folder, task_kind="multimodal-classification", classes=CLASSES, env={})
        params: dict[str, JSON] = {"members": [*MEMBERS], "folds": 2}
        found = load(Candidate(name="l", kind="late-fusion", params=params), context)
        assert isinstance(found, Portable)
        return found


@has("flaml", "lightgbm")
def test_what_automl_found_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the plain estimator that it is."""
    context = LoadContext(folder=tmp_path, classes=("no", "yes"), columns=("age", "city", "note"), env={})
    recipe = Candidate(name="a", kind="automl", params={"seconds": 2.0})
    kept_as_it_was(recipe, context, TABLE, OfTable.inputs, monkeypatch)


class TestEmbeddingsRemote(Kept):
    recipe: ClassVar = Candidate(
        name="r",
        kind="embeddings-remote",
        params={"model": "m", "base_url": "http://localhost:9/v1", "provider": "vllm"},
    )

    def teach(self, model: Portable) -> None:
        """With vectors that nobody asked a server for."""
        studious: Any = model
        texts = studious.questions(self.examples)
        vectors = {text: np.array(["good" in text, "bad" in text, len(text) / 40], "<f4") for text in texts}
        studious.study({text: base64.b64encode(vector.tobytes()).decode() for text, vector in vectors.items()})
        studious.fit(self.examples)

    def said(self, model: Portable) -> list[Answer]:
        """What it makes of vectors: nobody embeds here."""
        learner: Any = model.__dict__["_learner"]
        return list(learner.answer_batch([np.array(one, np.float32) for one in ([1, 0, 0.5], [0, 1, 0.5], [0, 0, 0])]))


class OfDrawings(Kept):
    """What is drawn is named by its content, so the same answer is the same picture."""

    folder: ClassVar[Path]
    inputs: ClassVar = ("a red circle", "a blue square", "nothing like it", "")

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _drawn(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = tmp_path_factory.mktemp("drawings")
        cls.examples = tuple(drawings(cls.folder))

    def make(self) -> Portable:
        found = load(self.recipe, LoadContext(folder=self.folder, task_kind="text-to-image", env={}))
        assert isinstance(found, Portable)
        return found


@has("PIL")
class TestNearestCaption(OfDrawings):
    recipe: ClassVar = Candidate(name="n", kind="nearest-caption")

    def test_answers_when_the_pictures_of_the_task_are_gone(self, tmp_path: Path) -> None:
        """A release is copied to machines that have no training data."""
        model = self._taught()
        folder = self._kept(model)
        before = self.said(model)
        context = LoadContext(folder=tmp_path, task_kind="text-to-image", env={})
        restored: Any = load(self.recipe, context)
        restored.restore(folder)
        assert [one.output for one in self.said(restored)] == [one.output for one in before]
        assert (tmp_path / str(before[0].output["file"])).is_file()  # type: ignore[index, call-overload]


@has("torch", "PIL")
class TestSmallPainter(OfDrawings):
    recipe: ClassVar = Candidate(name="p", kind="text-to-image-small", params={"size": 16, "epochs": 2})


GGUF = ASSETS / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.mark.skipif(not GGUF.is_file(), reason="fetch it with `make assets`")
@has("xllamacpp")
class TestFewShotGguf(Kept):
    recipe: ClassVar = Candidate(name="g", kind="gguf", params={"path": str(GGUF), "few_shot": 2})

    def said(self, model: Portable) -> list[Answer]:
        """What it would be asked: an answer takes seconds."""
        prompt = model.keep.__self__._prompt  # type: ignore[attr-defined]
        return [Answer(msgspec.json.encode(prompt.messages(one)).decode()) for one in self.inputs]


class Mine:
    """An estimator of the user's own."""

    def fit(self, X: Any, y: Any) -> Mine:
        return self

    def predict(self, X: Any) -> list[str]:
        return ["positive" for _ in X]


def test_an_estimator_of_ones_own_is_not_kept(tmp_path: Path) -> None:
    """Its class is code that a file may not name: it learns again instead."""
    with pytest.raises(CandidateError, match=r"Mine.*without running code"):
        keep_estimator(Mine(), tmp_path / "estimator.skops")


KEPT_ELSEWHERE = {  # by a suite of their own
    "compressed",  # test_kept_copies.py
    "online",  # incremental/
    "python",  # below: objects of one's own that know how
    "seq2seq",  # test_kept_writers.py
    "transformer-finetune",  # above, in a folder of its own
    "transformers",  # test_kept_writers.py
    "warm-start",  # test_going_on.py
}
LEARN_NOTHING = {
    *("apertium", "command", "constant", "copy", "ctranslate2", "diffusers", "embedding", "image", "imported"),
    *("pocketsphinx", "transcription", "whisper"),
    *("cascade", "router", "vote"),  # what they do is in the recipe
    "object",  # lives in one process only, so no release opens it
}
AS_CHAT = {"anthropic", "any-llm"}  # shown examples are kept by what they share with `chat`


def test_every_kind_is_kept_or_learns_nothing() -> None:
    """Whoever adds a kind that learns is reminded here that it is to be released."""
    kept = {"automl", "joint-embeddings", "late-fusion", "sound-linear", *QUICK}  # their suites make them otherwise
    kept |= {suite.recipe.kind for suite in _all_suites(Kept)}
    assert kept | KEPT_ELSEWHERE | LEARN_NOTHING | AS_CHAT == set(names_of_kinds())
    assert not (kept | KEPT_ELSEWHERE) & LEARN_NOTHING


def _all_suites(suite: type[Kept]) -> list[type[Kept]]:
    return [suite, *(below for each in suite.__subclasses__() for below in _all_suites(each))]


OWN = """
import json

class Counts:
    def fit(self, inputs, targets):
        self.known = dict(zip(inputs, targets))

    def predict(self, inputs):
        return [self.known.get(one, "negative") for one in inputs]

class Kept(Counts):
    def keep(self, folder):
        (folder / "known.json").write_text(json.dumps(self.known))

    def restore(self, folder):
        self.known = json.loads((folder / "known.json").read_text())
"""


def test_an_object_of_ones_own_is_kept_by_itself_where_it_knows_how(tmp_path: Path) -> None:
    """With `keep` and `restore` of its own it need not learn again; without, it says that it must."""
    (tmp_path / "own.py").write_text(OWN)
    context = LoadContext(folder=tmp_path, classes=("negative", "positive"), env={})
    kept = tmp_path / "kept"
    kept.mkdir()
    models: list[Any] = [
        load(Candidate(name=n, kind="python", params={"function": f"own:{n}"}), context) for n in ("Kept", "Kept")
    ]
    models[0].fit(PortableContract.examples)
    models[0].keep(kept)
    models[1].restore(kept)
    inputs = [one.input for one in PortableContract.examples[:5]]
    assert [asyncio.run(models[1].answer(one)).output for one in inputs] == ["positive", "negative"] * 2 + ["positive"]
    plain: Any = load(Candidate(name="c", kind="python", params={"function": "own:Counts"}), context)
    plain.fit(PortableContract.examples)
    with pytest.raises(CandidateError, match=r"Counts.*without running code"):
        plain.keep(tmp_path)
    with pytest.raises(CandidateError, match=r"a Counts|of another model"):
        plain.restore(kept)


def test_a_file_that_names_a_function_to_run_is_refused(tmp_path: Path) -> None:
    """The schema of a kept estimator is changed to call `os.system`, as an attacker would."""
    from sklearn.linear_model import LogisticRegression

    file = tmp_path / "estimator.skops"
    keep_estimator(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), file)
    with zipfile.ZipFile(file) as held:
        members = {name: held.read(name) for name in held.namelist()}
    schema = members["schema.json"].replace(b'"LogisticRegression"', b'"system"', 1)
    schema = schema.replace(b'"sklearn.linear_model._logistic"', b'"os"', 1)
    assert schema != members["schema.json"]
    with zipfile.ZipFile(file, "w") as held:
        for name, content in (members | {"schema.json": schema}).items():
            held.writestr(name, content)
    with pytest.raises(CandidateError, match="not trusted"):
        kept_estimator(file)


def test_arrays_of_objects_are_neither_kept_nor_read(tmp_path: Path) -> None:
    """NumPy keeps objects as pickles."""
    with pytest.raises(CandidateError, match="objects"):
        keep_arrays({"a": np.array([object()])}, tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", a=np.array([{"x": 1}], object))
    with pytest.raises(CandidateError, match=r"b\.npz"):
        kept_arrays(tmp_path / "b.npz")


def test_a_sparse_matrix_with_columns_that_are_not_there_is_refused(tmp_path: Path) -> None:
    """Compiled code would read past its end."""
    from scipy.sparse import csr_matrix

    keep_arrays({"m": csr_matrix(np.eye(3))}, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as held:
        parts = dict(held)
    parts["m.indices"] = parts["m.indices"] + 1_000_000
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(CandidateError, match=r"m\.npz"):
        kept_arrays(tmp_path / "m.npz")


def test_what_one_kept_is_refused_by_another(tmp_path: Path) -> None:
    """A folder that was put in the wrong place is found out."""
    context = LoadContext(env={}, classes=("negative", "positive"))
    one: Any = load(TEXT, context)
    assert isinstance(one, Trainable)
    one.fit(PortableContract.examples)
    one.keep(tmp_path)
    other: Any = load(Candidate(name="b", kind="bagged", parts=(TEXT,)), context)
    with pytest.raises(CandidateError):
        other.restore(tmp_path)
    shutil.rmtree(tmp_path)


def test_reading_an_estimator_imports_no_more_than_it_needs() -> None:
    """skops lists all of scikit-learn, with PyTorch and pytest on the way; who imports it afterwards has that list."""
    code = """
import sys
from merits.candidates.keeping import _skops
assert _skops() is _skops()
print(*(name in sys.modules for name in ("torch", "pytest", "sklearn.cross_decomposition", "skops.io")))
from sklearn.utils import all_estimators
import skops.io
listed = skops.io._trusted_types.SKLEARN_ESTIMATOR_TYPE_NAMES
print(skops.io is _skops(), "sklearn.cross_decomposition._pls.CCA" in listed)
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["False"] * 4 + ["True", "True"]
