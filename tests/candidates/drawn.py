"""Pictures that tests draw: shapes of one colour, with what they show as the caption."""

from __future__ import annotations

import json
from pathlib import Path

from merits.core.task import Example

__all__ = ["COLOURS", "SHAPES", "captions", "draw", "examples_in", "tiny_eyes"]

COLOURS = ("red", "green", "blue")
SHAPES = ("square", "circle")


def draw(file: Path, colour: str, shape: str, size: int = 32, at: int = 8) -> Path:
    """A picture of a shape on white, written to the file."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(picture)
    box = (at, at, size - at, size - at)
    if shape == "square":
        pen.rectangle(box, fill=colour)
    else:
        pen.ellipse(box, fill=colour)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file)
    return file


def captions() -> list[tuple[str, str]]:
    """Every colour with every shape."""
    return [(colour, shape) for colour in COLOURS for shape in SHAPES]


def examples_in(folder: Path, sizes: tuple[int, ...] = (6, 8, 10)) -> list[Example]:
    """Each shape in each colour, in several sizes: the caption as input, the file as target."""
    found = []
    for colour, shape in captions():
        for at in sizes:
            name = f"{colour}-{shape}-{at}.png"
            draw(folder / name, colour, shape, at=at)
            found.append(Example(name, f"a {colour} {shape}", name, tags={"shape": shape}, split="dev"))
    return found


def tiny_eyes(folder: Path) -> Path:
    """A vision transformer of a few thousand random weights, in the Hugging Face format."""
    import torch
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ViTModel(config).save_pretrained(folder)
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    scaling = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_rescale": True, "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps({**processor, **scaling}))
    return folder
