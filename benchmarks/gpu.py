"""What a GPU saves: pictures embedded, a language model asked and a small network trained, on it and on the processor.

Each in a process of its own, the one on the processor with the GPU hidden, through the same candidates that a task file
names (image-backbone-linear, transformers, image-cnn). The networks are of random numbers, for only time is measured,
which is that of all after a first few. The processor computes with one thread, as candidates do.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks._markdown import markdown

_COLUMNS = {"cpu_s": "s on the processor", "gpu_s": "s on the GPU", "times": "times as fast"}
_CLASSES = ("dark", "light")
_SIDE = 28


def main(argv: Sequence[str]) -> dict[str, object]:
    """Seconds of each work; exits with 2 where torch sees no GPU."""
    parser = argparse.ArgumentParser("gpu", description=__doc__)
    parser.add_argument(
        "--pictures", type=int, default=2_000, help="to embed, and to learn from (default: %(default)s)"
    )
    parser.add_argument("--prompts", type=int, default=64, help="to answer (default: %(default)s)")
    parser.add_argument("--width", type=int, default=512, help="of the networks (default: %(default)s)")
    options = parser.parse_args(argv)
    missing = [name for name in ("torch", "transformers", "PIL") if importlib.util.find_spec(name) is None]
    if missing:
        raise _not_here(f"{missing[0]} is not installed", "pip install 'merits[torch,transformers,images]'")
    if not _sees_gpu():
        raise _not_here(
            "torch sees no GPU here", "run it on a machine that has one (`nvidia-smi` lists it), with a torch for it"
        )
    told = [str(options.pictures), str(options.prompts), str(options.width)]
    cpu, gpu = _measured(told, hidden=True), _measured(told, hidden=False)
    works = {
        name: {"cpu_s": round(cpu[name], 2), "gpu_s": round(gpu[name], 2), "times": round(cpu[name] / gpu[name], 1)}
        for name in cpu
    }
    return {"gpu": _name_of_gpu(), "pictures": options.pictures, "prompts": options.prompts, "works": works}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures["works"])


def works(folder: Path, *, n_pictures: int, n_prompts: int, width: int) -> dict[str, float]:
    """The seconds that each work takes in this process, on the GPU where it sees one. `folder` is to be empty."""
    from merits.core.task import Example

    names = _draw(folder, n_pictures)
    examples = [Example(name, name, _CLASSES[number % 2]) for number, name in enumerate(names)]
    backbone, language = _backbone(folder / "backbone", width), _language(folder / "language", width)
    trained = _model(folder, "image-cnn", epochs=3, checkpoints=False)
    embedded = _model(folder, "image-backbone-linear", model=str(backbone))
    asked = _model(folder, "transformers", path=str(language), plain=True, max_tokens=16)
    embedded.fit(examples[:32])
    prompts = [f"a b c d {number}" for number in range(n_prompts)]
    asyncio.run(_answers(asked, prompts[:1]))
    return {
        "embed": _seconds(lambda: embedded.fit(examples)),
        "ask": _seconds(lambda: asyncio.run(_answers(asked, prompts))),
        "train": _seconds(lambda: trained.fit(examples)),
    }


def _not_here(what: str, next_step: str) -> SystemExit:
    print(f"{what}: {next_step}.", file=sys.stderr)
    return SystemExit(2)


def _sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _name_of_gpu() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _measured(told: Sequence[str], *, hidden: bool) -> dict[str, float]:
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": ""} if hidden else dict(os.environ)
    words = [sys.executable, "-m", "benchmarks.gpu", *told]
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, float])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _model(folder: Path, kind: str, **params: Any) -> Any:
    from merits.candidates.registry import LoadContext, load
    from merits.core.candidate import Candidate

    task = "generation" if kind == "transformers" else "image-classification"
    classes = () if kind == "transformers" else _CLASSES
    context = LoadContext(folder=folder, task_kind=task, classes=classes, env={}, timeout_s=600, data_folders=(folder,))
    return load(Candidate(name=kind, kind=kind, params=params), context)


async def _answers(model: Any, prompts: Sequence[str]) -> None:
    for answer in await asyncio.gather(*map(model.answer, prompts)):
        assert answer.failure is None, answer.failure


def _draw(folder: Path, n: int) -> list[str]:
    """Pictures of noise, every second one light."""
    from PIL import Image

    random = np.random.default_rng(0)
    names = []
    for number in range(n):
        pixels = random.integers(0, 128, (_SIDE, _SIDE)) + 120 * (number % 2)
        names.append(f"{number}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(folder / names[-1])
    return names


def _backbone(folder: Path, width: int) -> Path:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    config = ViTConfig(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=6, num_attention_heads=4)
    ViTModel(config).save_pretrained(folder)
    ViTImageProcessor().save_pretrained(folder)
    return folder


def _language(folder: Path, width: int) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["[UNK]", "[EOS]", *"abcdefgh"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    untyped: Any = PreTrainedTokenizerFast
    untyped(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[EOS]", pad_token="[EOS]").save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=256,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    pictures, prompts, width = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory() as empty:
        found = works(Path(empty), n_pictures=pictures, n_prompts=prompts, width=width)
    print(msgspec.json.encode(found).decode())
