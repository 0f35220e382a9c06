"""Training again warm (on from what was learned) beside cold (from nothing) and not at all, on streams that drift.

MovieLens-100K in the order of time: does a user like (4 stars or 5) the film rated next, by its genres and year, by
what the user and others gave before, and by the hour; people, films and tastes change by themselves. And MNIST's digits
(the first 5,000), which are turned by some degrees more from part to part. Trained on the first half; then part by
part: asked, then learned. Data: make assets
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Continuing
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["main", "table"]

_ASSETS = Path(__file__).parents[1] / ".assets"
_PARTS = 5  # of the second half
_DEGREES = 12.0


def _sklearn(path: str, **params: JSON) -> Candidate:
    return Candidate(name=path, kind="sklearn", params={"estimator": path, "params": params})


_OF_FILMS = {
    "logistic regression": _sklearn("sklearn.linear_model.LogisticRegression", max_iter=1000),
    "naive Bayes": _sklearn("sklearn.naive_bayes.GaussianNB"),
    "MLP (32)": _sklearn("sklearn.neural_network.MLPClassifier", hidden_layer_sizes=[32], max_iter=60),
    "LightGBM (200 trees)": _sklearn("lightgbm.LGBMClassifier", n_estimators=200, verbose=-1),
    "online (softmax)": Candidate(name="online", kind="online", params={"steps": "constant"}),
}
_OF_DIGITS = {
    "image-cnn": Candidate(
        name="cnn", kind="image-cnn", params={"size": 28, "colour": False, "channels": [16, 32], "epochs": 15}
    )
}


def main(options: Sequence[str]) -> dict[str, JSON]:
    """The figures of each kind: right answers in percent, and processor seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks warm")
    parser.add_argument("--ratings", type=int, default=4_000, help="how many of the 100,000, the oldest")
    parser.add_argument("--digits", type=int, default=800, help="how many of the 5,000; 0 for none")
    args = parser.parse_args(list(options))
    warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
    found: dict[str, JSON] = {}
    films = _films(args.ratings)
    for name, recipe in _OF_FILMS.items():
        columns = tuple(dict(films[0].input))  # type: ignore[arg-type]
        found[f"films: {name}"] = _compared(recipe, films, LoadContext(classes=("no", "yes"), columns=columns, env={}))
    if args.digits:
        with tempfile.TemporaryDirectory() as place:
            digits = _digits(args.digits, Path(place))
            context = LoadContext(
                folder=Path(place), task_kind="image-classification", classes=tuple("0123456789"), env={}
            )
            for name, recipe in _OF_DIGITS.items():
                found[f"digits: {name}"] = _compared(recipe, digits, context)
    return {"ratings": len(films), "digits": args.digits, "parts": _PARTS, "kinds": found}


def _compared(recipe: Candidate, stream: Sequence[Example], context: LoadContext) -> dict[str, JSON]:
    """One candidate along the stream in three ways: what is right in each part, and what training it took."""
    bounds = np.linspace(len(stream) // 2, len(stream), _PARTS + 1).astype(int).tolist()
    first = stream[: bounds[0]]
    stale, first_s = _fitted(recipe, first, context)
    cold, warm = stale, stale
    right: dict[str, list[float]] = {"stale": [], "warm": [], "cold": []}
    seconds: dict[str, list[float]] = {"warm": [], "cold": []}
    for number, (start, end) in enumerate(pairwise(bounds)):
        for way, model in (("stale", stale), ("warm", warm), ("cold", cold)):
            right[way].append(_right(model, stream[start:end]))
        if number == _PARTS - 1:
            break
        with tempfile.TemporaryDirectory() as place:
            warm.keep(Path(place))
            warm, warm_s = _gone_on(recipe, Path(place), stream[:start], stream[start:end], context)
        cold, cold_s = _fitted(recipe, stream[:end], context)
        seconds["warm"].append(warm_s)
        seconds["cold"].append(cold_s)
    mean: dict[str, JSON] = {f"right_{way}": float(np.mean(values[1:])) for way, values in right.items()}
    return {
        **mean,
        "right_by_part": {way: [round(value, 4) for value in values] for way, values in right.items()},
        "first_s": first_s,
        "warm_s": float(np.mean(seconds["warm"])),
        "cold_s": float(np.mean(seconds["cold"])),
        "asked": bounds[-1] - bounds[1],
    }


def _fitted(recipe: Candidate, examples: Sequence[Example], context: LoadContext) -> tuple[Continuing, float]:
    model = _new(recipe, context)
    return model, _cpu_s(lambda: model.fit(examples))


def _gone_on(
    recipe: Candidate, folder: Path, known: Sequence[Example], new: Sequence[Example], context: LoadContext
) -> tuple[Continuing, float]:
    model = _new(recipe, context)
    why = model.cannot_go_on(folder, known, new)
    if why:
        raise SystemExit(f"{recipe.name} cannot go on: {why}")
    return model, _cpu_s(lambda: model.go_on(folder, known, new, 0.3))


def _new(recipe: Candidate, context: LoadContext) -> Continuing:
    params = {**recipe.params, **({"checkpoints": False} if recipe.kind == "image-cnn" else {})}
    model: Any = load(Candidate(name=recipe.name, kind=recipe.kind, params=params), context)
    assert isinstance(model, Continuing)
    return model


def _right(model: Continuing, asked: Sequence[Example]) -> float:
    async def ask() -> int:
        answers = await asyncio.gather(*(model.answer(example.input) for example in asked))
        return sum(answer.output == example.target for answer, example in zip(answers, asked, strict=True))

    return asyncio.run(ask()) / len(asked)


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _films(n: int) -> list[Example]:
    """The oldest ratings, each with what was known before it."""
    place = _ASSETS / "ml-100k"
    if not place.is_dir():
        raise SystemExit(f"{place} is not there. Fetch it: make assets")
    films = {row["item_id:token"]: row for row in _rows(place / "ml-100k.item")}
    genres = sorted({genre for row in films.values() for genre in row["class:token_seq"].split()})
    rows = sorted(_rows(place / "ml-100k.inter"), key=lambda row: (float(row["timestamp:float"]), row["user_id:token"]))
    users, others = defaultdict[str, list[float]](lambda: [3.5]), defaultdict[str, list[float]](lambda: [3.5])
    found = []
    for number, row in enumerate(rows[:n]):
        user, film = row["user_id:token"], films[row["item_id:token"]]
        at, stars = datetime.fromtimestamp(float(row["timestamp:float"]), UTC), float(row["rating:float"])
        mine, theirs = users[user], others[row["item_id:token"]]
        year = film["release_year:token"]
        input: dict[str, JSON] = {
            "user mean": float(np.mean(mine)),
            "user ratings": len(mine),
            "film mean": float(np.mean(theirs)),
            "film ratings": len(theirs),
            "year": float(year) if year.isdecimal() else 1990.0,
            "hour": at.hour,
            **{genre: float(genre in film["class:token_seq"].split()) for genre in genres},
        }
        found.append(Example(str(number), input, "yes" if stars >= 4 else "no", split="dev"))
        mine.append(stars)
        theirs.append(stars)
    return found


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _digits(n: int, folder: Path) -> list[Example]:
    """Digits in a drawn order, those of the second half turned more from part to part."""
    from PIL import Image

    file = _ASSETS / "mnist_5k.csv.gz"
    if not file.is_file():
        raise SystemExit(f"{file} is not there. Fetch it: make assets")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    table = table[np.random.default_rng(0).permutation(len(table))[:n]]
    found = []
    for number, row in enumerate(table):
        part = max(0, number - n // 2) * _PARTS // (n - n // 2) + 1 if number >= n // 2 else 0
        name = f"{number}.png"
        picture = Image.fromarray(row[:-1].reshape(28, 28).astype(np.uint8))
        picture.rotate(_DEGREES * part).save(folder / name)
        found.append(Example(name, name, str(int(row[-1])), split="dev"))
    return found


def table(figures: dict[str, JSON]) -> str:
    """The figures as a table in Markdown."""
    kinds = figures["kinds"]
    assert isinstance(kinds, dict)
    lines = [
        "| stream, candidate | right, never trained again | warm | cold | warm, s | cold, s |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, found in kinds.items():
        assert isinstance(found, dict)
        shares = " | ".join(f"{found[f'right_{way}']:.1%}" for way in ("stale", "warm", "cold"))
        lines.append(f"| {name} | {shares} | {found['warm_s']:.2f} | {found['cold_s']:.2f} |")
    return "\n".join(lines)
