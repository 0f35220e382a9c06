"""A pipeline of diffusers: a tiny one with random weights, made here, loaded from its folder as a real one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.media.pictures import read_picture
from merits.testing.contracts.model import ModelContract
from tests.candidates.asking import ask

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers, about what is not installed


def tiny_pipeline(folder: Path) -> Path:
    """Stable Diffusion with hardly any weights, as `save_pretrained` writes it."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    words = [*"abcdefghijklmnopqrstuvwxyz", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz")]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "words" / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(str(folder / "words"), model_max_length=16)
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=(16, 16), norm_num_groups=8, **_blocks("DownEncoderBlock2D", "Up")),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            cross_attention_dim=16,
            layers_per_block=1,
            block_out_channels=(16, 16),
            norm_num_groups=8,
            attention_head_dim=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(str(folder / "tiny"))
    return folder / "tiny"


def _blocks(down: str, up: str) -> dict[str, tuple[str, str]]:
    return {"down_block_types": (down, down), "up_block_types": (f"{up}DecoderBlock2D",) * 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pipeline in `tiny`."""
    folder = tmp_path_factory.mktemp("pipeline")
    tiny_pipeline(folder)
    return folder


def painter(folder: Path, seed: int = 0, path: str = "tiny", **params: JSON) -> Model:
    context = LoadContext(folder=folder, task_kind="text-to-image", env={}, timeout_s=60, seed=seed)
    told: dict[str, JSON] = {"path": path, "steps": 2, **params}
    return load(Candidate(name="mine", kind="diffusers", params=told), context)


class TestDiffusers(ModelContract):
    inputs: ClassVar = ("a red circle", "a blue square")
    odd: ClassVar = ("", " ", "\u0000", "日本語 🙂 \u202e", "word " * 2_000)
    at_once = 4

    @pytest.fixture(autouse=True)
    def _folder(self, place: Path) -> None:
        self.place = place

    def make(self) -> Model:
        return painter(self.place)


def test_a_picture_is_drawn_alike_for_the_same_seed_and_prompt_only(place: Path) -> None:
    """Steps, guidance and size are those of the recipe."""
    first, again, other_seed, other_prompt = (
        ask(painter(place, seed), prompt).output
        for seed, prompt in ((0, "a cat"), (0, "a cat"), (1, "a cat"), (0, "a dog"))
    )
    assert first == again
    assert len({str(each) for each in (first, other_seed, other_prompt)}) == 3
    assert isinstance(first, dict)
    assert read_picture(place / str(first["file"])).size == (16, 16)
    larger = ask(painter(place, width=32, height=24), "a cat").output
    assert isinstance(larger, dict)
    assert read_picture(place / str(larger["file"])).size == (32, 24)
    assert ask(painter(place, steps=3), "a cat").output != first
    assert ask(painter(place, guidance=1.5), "a cat").output != first


def test_pickled_weights_are_refused(place: Path, tmp_path: Path) -> None:
    """Reading them can run any code."""
    import shutil

    import torch

    shutil.copytree(place / "tiny", tmp_path / "tiny")
    weights = next((tmp_path / "tiny" / "unet").glob("*.safetensors"))
    from safetensors.torch import load_file

    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(CandidateError, match=r"holds pickled weights \(unet/.*\.bin\)"):
        painter(tmp_path)


def test_what_is_no_pipeline_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CandidateError, match=r"has no model_index\.json"):
        painter(tmp_path, path="empty")
    with pytest.raises(CandidateError, match="is not there"):
        painter(tmp_path, path="nowhere")
