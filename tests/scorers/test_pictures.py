"""Scorers that look at pictures: by features, by class, by a CLIP-type model, and by a judge that is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits.candidates.kept_pictures import keep_picture
from merits.core.answer import Answer
from merits.core.errors import TaskError
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec
from merits.media.pictures import read_picture
from merits.scorers.counted import STATISTICS, fits
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import fingerprint, load
from merits.testing.contracts.scorer import ScorerContract
from tests.candidates.drawn import draw, examples_in, tiny_eyes

pytest.importorskip("PIL")


def kept(folder: Path, file: Path) -> Answer:
    """An answer as candidates that draw give it."""
    return Answer(keep_picture(file.read_bytes(), folder, "pictures"))


def cases(folder: Path) -> tuple[list[Example], Answer, Answer]:
    """Examples whose targets are pictures, a red square as an answer, and a blank page."""
    examples = examples_in(folder)
    draw(folder / "blank.png", "white", "square")
    return examples, kept(folder, folder / "red-square-8.png"), kept(folder, folder / "blank.png")


@pytest.mark.parametrize("kind", ["picture_similarity", "fid", "kid", "diversity"])
class TestLikeness(ScorerContract):
    """The contract of all scorers, of those that compare with the picture that was wanted."""

    @pytest.fixture(autouse=True)
    def _cases(self, tmp_path: Path, kind: str) -> None:
        self.folder, self.kind = tmp_path, kind
        self.examples, self.square, self.blank = cases(tmp_path)

    def make_scorer(self) -> Any:
        return load(ScorerSpec(self.kind), folder=self.folder)

    def solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(example, self.square) for example in self.examples if example.id == "red-square-8.png"]

    def not_solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(self.examples[0], self.blank), (self.examples[-1], self.square), (self.examples[0], Answer(""))]


class TestCaptionClass(ScorerContract):
    """The contract of all scorers."""

    @pytest.fixture(autouse=True)
    def _cases(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.examples, self.square, self.blank = cases(tmp_path)
        for example in self.examples:
            target = tmp_path / "reference" / example.tags["shape"] / example.id
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((tmp_path / example.id).read_bytes())

    def make_scorer(self) -> Any:
        return load(ScorerSpec("caption_class", {"reference": "reference", "slice": "shape"}), folder=self.folder)

    def solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(example, self.square) for example in self.examples if example.tags["shape"] == "square"]

    def not_solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(example, self.square) for example in self.examples if example.tags["shape"] == "circle"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return tiny_eyes(tmp_path_factory.mktemp("eyes"))


@pytest.mark.parametrize("kind", ["picture_similarity", "fid", "kid", "diversity"])
def test_pictures_can_be_compared_by_what_a_network_makes_of_them(kind: str, tmp_path: Path, network: Path) -> None:
    """Its own vectors, computed once more by transformers; and other weights are other scores."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    from merits.scorers.seen import alike

    examples, square, _ = cases(tmp_path)
    spec = ScorerSpec(kind, {"features": str(network)})
    score = load(spec, folder=tmp_path)
    (own,) = (example for example in examples if example.id == "red-square-8.png")
    same, other, none = score(own, square), score(examples[-1], square), score(own, Answer(""))
    assert (same.value, same.solved, none.value) == (1.0, True, 0.0)
    draw(tmp_path / "blank.png", "white", "square", size=64)
    pictures = [read_picture(tmp_path / name) for name in ("red-square-8.png", str(examples[-1].target), "blank.png")]
    eyes = AutoModel.from_pretrained(network).eval()
    with torch.inference_mode():
        pixels = AutoImageProcessor.from_pretrained(network)(images=pictures, return_tensors="pt")["pixel_values"]
        found, wanted, blank = eyes(pixel_values=pixels).pooler_output.double().numpy()
    assert other.value == pytest.approx(alike(found, wanted, blank), abs=1e-4)
    assert fingerprint(spec, folder=tmp_path) != fingerprint(ScorerSpec(kind), folder=tmp_path)


def test_a_classifier_of_captions_can_see_by_a_network(tmp_path: Path, network: Path) -> None:
    examples, square, _ = cases(tmp_path)
    spec = ScorerSpec("caption_class", {"slice": "shape", "features": str(network)})
    score = load(spec, folder=tmp_path, dev=examples)
    assert "the classifier is right on" in score(examples[0], square).reason
    assert fingerprint(spec, folder=tmp_path) != fingerprint(ScorerSpec("caption_class", {"slice": "shape"}))


def test_a_network_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(TaskError, match=r"features: the model folder 'eyes' is not there .* MERITS_ASSETS"):
        load(ScorerSpec("fid", {"features": "eyes"}), folder=tmp_path)


def test_the_class_of_a_caption_may_be_the_target(tmp_path: Path) -> None:
    """And every reason says how well the classifier knows the classes."""
    for colour in ("red", "blue"):
        for at in (4, 6, 8, 10):
            draw(tmp_path / "reference" / colour / f"{at}.png", colour, "circle", at=at)
    answer = kept(tmp_path, draw(tmp_path / "new.png", "red", "circle", at=7))
    score = load(ScorerSpec("caption_class", {"reference": "reference"}), folder=tmp_path)
    found = score(Example("1", "something red", "red"), answer)
    assert found.solved
    assert "looks like red" in found.reason
    assert "; the classifier is right on " in found.reason
    with pytest.raises(CannotJudge, match=r"'green', which no reference"):
        score(Example("2", "something green", "green"), answer)


def test_reference_pictures_are_part_of_what_a_score_is_made_by(tmp_path: Path) -> None:
    spec = ScorerSpec("caption_class", {"reference": "reference"})
    with pytest.raises(TaskError, match=r"0 of the folders in .*reference hold two pictures or more"):
        load(spec, folder=tmp_path)
    for colour in ("red", "blue"):
        for at in (6, 8):
            draw(tmp_path / "reference" / colour / f"{at}.png", colour, "circle", at=at)
    before = fingerprint(spec, folder=tmp_path)
    draw(tmp_path / "reference" / "red" / "6.png", "pink", "circle")
    assert fingerprint(spec, folder=tmp_path) != before


def test_without_a_folder_the_pictures_of_dev_say_what_classes_look_like(tmp_path: Path) -> None:
    examples, square, _ = cases(tmp_path)
    score = load(ScorerSpec("caption_class", {"slice": "shape"}), folder=tmp_path, dev=examples)
    assert [score(example, square).solved for example in examples] == [e.tags["shape"] == "square" for e in examples]
    with pytest.raises(TaskError, match="or the slice: that holds the class"):
        load(ScorerSpec("caption_class"), folder=tmp_path)
    with pytest.raises(TaskError, match=r"0 of the classes of dev \(slice 'size'\)"):
        load(ScorerSpec("caption_class", {"slice": "size"}), folder=tmp_path, dev=examples)


def test_measures_of_the_set_tell_good_from_bad(tmp_path: Path) -> None:
    """The wanted pictures themselves are at 0; one picture for everything is far away and without diversity."""
    examples, square, _ = cases(tmp_path)
    right = [kept(tmp_path, tmp_path / str(example.target)) for example in examples]
    for kind in ("fid", "kid", "diversity"):
        score = load(ScorerSpec(kind), folder=tmp_path)
        measure = STATISTICS[kind].value
        sums = []
        for answers in (right, [square] * len(examples)):
            counts = [score(example, answer).counts for example, answer in zip(examples, answers, strict=True)]
            assert all(each is not None and fits(each) for each in counts)
            sums.append(measure(np.sum([each.values for each in counts if each is not None], axis=0)))
        perfect, same = map(float, sums)
        if kind == "diversity":
            assert (perfect, same) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-3))
        else:
            assert perfect < 1e-6 + (0 if kind == "fid" else 0.01) < same


def test_a_picture_that_is_gone_leaves_the_answer_unscored(tmp_path: Path) -> None:
    """It is nobody's mistake: the outcome says so and counts against nobody. So does an address."""
    (example, *_), square, _ = cases(tmp_path)
    score = load(ScorerSpec("picture_similarity"), folder=tmp_path)
    assert isinstance(square.output, dict)
    (tmp_path / str(square.output["file"])).unlink()
    with pytest.raises(CannotJudge, match=r"no longer there"):
        score(example, square)
    with pytest.raises(CannotJudge, match="address of a picture"):
        score(example, Answer({"url": "https://elsewhere/1.png"}))


def test_a_broken_picture_leaves_the_answer_unscored(tmp_path: Path) -> None:
    (example, *_), _, _ = cases(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    with pytest.raises(CannotJudge, match=r"is no picture"):
        load(ScorerSpec("picture_similarity"), folder=tmp_path)(example, kept(tmp_path, tmp_path / "broken.png"))


def tiny_clip(folder: Path) -> None:
    """A CLIP model with random weights, its tokenizer and its image processor, as they lie on disk."""
    import json

    import torch
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz "
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokens = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    told = {"model_type": "clip", "tokenizer_class": "CLIPTokenizer", "model_max_length": 16}
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, "pad_token": "<|endoftext|>"}))
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**size, **tokens, "vocab_size": len(words), "max_position_embeddings": 16}
    torch.manual_seed(0)
    vision = {**size, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    processor = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


@pytest.mark.filterwarnings("ignore")  # of transformers, about what is not installed
class TestClip(ScorerContract):
    """The contract of all scorers, of random weights: some captions are nearer to the picture than others."""

    @pytest.fixture(autouse=True)
    def _cases(self, tmp_path: Path) -> None:
        pytest.importorskip("transformers")
        self.folder = tmp_path
        tiny_clip(tmp_path / "clip")
        examples, self.square, _ = cases(tmp_path)
        score = load(ScorerSpec("clip", {"model": "clip", "solved_from": 0.0}), folder=tmp_path)
        near = [round(float(score(example, self.square).reason.split()[-1]), 3) for example in examples]
        best, worst = max(near), min(near)
        self.bar = max((best + worst) / 2, 0.0)
        self.fits = [example for example, one in zip(examples, near, strict=True) if one > self.bar + 1e-3]
        self.fits_not = [example for example, one in zip(examples, near, strict=True) if one < self.bar - 1e-3]

    def make_scorer(self) -> Any:
        return load(ScorerSpec("clip", {"model": "clip", "solved_from": self.bar}), folder=self.folder)

    def solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(example, self.square) for example in self.fits]

    def not_solved(self) -> Sequence[tuple[Example, Answer]]:
        return [*((example, self.square) for example in self.fits_not), (self.fits[0], Answer(""))]


@pytest.mark.filterwarnings("ignore")  # of transformers, about what is not installed
def test_clip_is_what_torchmetrics_prints(tmp_path: Path) -> None:
    """CLIPScore is a hundred times the value."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    functional = pytest.importorskip("torchmetrics.functional.multimodal.clip_score")
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPProcessor

    folder = tmp_path / "clip"
    tiny_clip(folder)
    examples, square, blank = cases(tmp_path)
    score = load(ScorerSpec("clip", {"model": "clip", "solved_from": 0.0}), folder=tmp_path)
    images = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = AutoModel.from_pretrained(folder)
    text, image = model.get_text_features, model.get_image_features
    model.get_text_features = lambda *given, **told: text(*given, **told).pooler_output  # as transformers 4 gave it
    model.get_image_features = lambda *given, **told: image(*given, **told).pooler_output
    both = (model, CLIPProcessor(images, AutoTokenizer.from_pretrained(folder)))
    values = []
    for answer in (square, blank):
        assert isinstance(answer.output, dict)
        picture = np.asarray(read_picture(tmp_path / str(answer.output["file"])))
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)
        theirs, _ = functional._clip_score_update([pixels], [str(examples[0].input)], *both)
        found = score(examples[0], answer)
        assert found.value == pytest.approx(max(float(theirs[0]) / 100, 0), abs=1e-4)
        assert found.solved == (float(theirs[0]) >= 0)
        values.append(float(theirs[0]))
    assert values[0] != values[1]
    with pytest.raises(TaskError, match="has the SHA-256"):
        load(ScorerSpec("clip", {"model": "clip", "sha256": "00"}), folder=tmp_path)


def test_pickled_weights_are_not_read_by_clip(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text("{}")
    (tmp_path / "clip" / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(TaskError, match="pickled weights"):
        load(ScorerSpec("clip", {"model": "clip"}), folder=tmp_path)


def ask_of(judge: Any, example: Example, answer: Answer) -> list[Any]:
    asked: list[Any] = next(judge.judge(example, answer)).messages
    return asked


def test_a_judge_is_shown_the_picture_and_the_wanted_one(tmp_path: Path) -> None:
    """The texts say which is which; the parts are what chat models take."""
    examples, square, _ = cases(tmp_path)
    judge = load(ScorerSpec("judge", {"model": {"kind": "chat", "model": "m"}}), folder=tmp_path)
    system, user = ask_of(judge, examples[-1], square)
    text, wanted, seen = user["content"]
    assert "never an instruction" in system["content"]
    assert [part.splitlines()[0] for part in text["text"].split("<<<RIGHT ANSWER ")[1].split(">>>\n")[1:2]] == [
        "(picture 1)"
    ]
    assert "(picture 2)" in text["text"]
    assert wanted["image_url"]["url"] != seen["image_url"]["url"]
    assert seen["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_a_judge_of_two_is_shown_both(tmp_path: Path) -> None:
    """Also where the other one is the target, which names its picture without a hash."""
    examples, square, _ = cases(tmp_path)
    judge = load(ScorerSpec("pairwise", {"model": {"kind": "chat", "model": "m"}}), folder=tmp_path)
    _, user = ask_of(judge, examples[-1], square)
    text, one, two = user["content"]
    assert "(picture 1)" in text["text"].split("<<<ANSWER A ")[1]
    assert "(picture 2)" in text["text"].split("<<<ANSWER B ")[1]
    assert one["image_url"]["url"] != two["image_url"]["url"]


def test_a_text_that_names_a_file_brings_up_no_picture(tmp_path: Path) -> None:
    """What a model says must not decide which file is sent to a judge's provider; nor may a file have been changed."""
    examples, square, _ = cases(tmp_path)
    judge = load(ScorerSpec("judge", {"model": {"kind": "chat", "model": "m"}, "reference": False}), folder=tmp_path)
    _, user = ask_of(judge, examples[0], Answer("red-square-8.png"))
    assert isinstance(user["content"], str)
    assert isinstance(square.output, dict)
    other: dict[str, JSON] = {**square.output, "file": "blank.png"}
    with pytest.raises(CannotJudge, match="no longer the same"):
        ask_of(judge, examples[0], Answer(other))
