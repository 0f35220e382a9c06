"""Real texts, pictures and sounds that shift, and such that do not: what a watch sees of them, and after how many.

`make simulate` prints the tables of docs/production/drift.md.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits import make_task
from merits.core.answer import Answer
from merits.core.estimate import Estimate
from merits.core.live import Served
from merits.core.reference import Reference
from merits.media.seen import embedding_in, seen_of
from merits.monitoring.streams import reference_of, row_of, streams_of
from merits.monitoring.watch import Watch
from merits.reading.seen import Lens
from merits.stats.calibration import estimated_quality, recalibration

DATA = Path(__file__).parents[3] / "shared" / "data" / "labelled"
ALPHA = 0.05

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here: ../shared/data/labelled")


@cache
def banking() -> tuple[list[str], np.ndarray]:
    """13,083 questions to a bank, and the number of each one's intent, of 77."""
    rows: list[dict[str, str]] = []
    for name in ("train.csv", "test.csv"):
        with (DATA / "banking77" / name).open(encoding="utf-8") as lines:
            rows += csv.DictReader(lines)
    numbers = {name: number for number, name in enumerate(sorted({row["category"] for row in rows}))}
    return [row["text"] for row in rows], np.array([numbers[row["category"]] for row in rows])


def text_reference(dev: Sequence[str], test: Sequence[str]) -> Reference:
    """What a release is held against whose task has such texts."""
    rows = [
        {"input": text, "target": "x", "split": split}
        for some, split in ((dev, "dev"), (test, "test"))
        for text in some
    ]
    rows = [{**row, "target": "xy"[number % 2]} for number, row in enumerate(rows)]
    return reference_of(make_task(rows, name="texts"))


def found_after(
    reference: Reference, seen: Sequence[dict[str, Any]], texts: Sequence[str] = (), part: int = 16
) -> tuple[float, str]:
    """After how many requests the first alarm comes, and of which stream; inf and "" for none."""
    watch = Watch(reference, task="t", release=1)
    vectors = [embedding_in(text, reference.kind) for text in texts] or [()] * len(seen)
    for first in range(0, len(seen), part):
        some = [
            Served(
                request=str(n),
                task="t",
                release=1,
                arm="champion",
                at=float(n),
                input_hash="",
                answer=Answer("x"),
                seen=seen[n],
                embedding=vectors[n],
            )
            for n in range(first, min(first + part, len(seen)))
        ]
        if alarms := watch.see(some):
            return float(first + len(some)), alarms[0].stream
    return float("inf"), ""


def texts_found(
    before: Callable[[np.ndarray], np.ndarray],
    after: Callable[[np.ndarray], np.ndarray],
    seed: int,
    *,
    n_test: int = 300,
    n_dev: int = 600,
    good: int = 0,
    n: int = 2_000,
) -> tuple[float, str]:
    """Requests from a shift in intents to its alarm: dev, test and `good` requests of some, then requests of others."""
    texts, intents = banking()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))
    first = order[before(intents[order])]
    dev, test, rest = first[:n_dev], first[n_dev : n_dev + n_test], first[n_dev + n_test :]
    later = (
        rest[good:] if after is before else np.setdiff1d(order[after(intents[order])], first[: n_dev + n_test + good])
    )
    live = np.concatenate([rest[:good], rng.permutation(later)])[: good + n]
    reference = text_reference([texts[k] for k in dev], [texts[k] for k in test])
    lens = Lens.of(reference)
    asked = [texts[k] for k in live]
    at, stream = found_after(reference, [seen_of(text, reference.kind, lens) for text in asked], asked)
    return at - good, stream


def low(intents: np.ndarray) -> np.ndarray:
    """Intents 0 to 38."""
    return intents < 39


def high(intents: np.ndarray) -> np.ndarray:
    """Intents 39 to 76."""
    return intents >= 39


def whole(intents: np.ndarray) -> np.ndarray:
    """All of them."""
    return intents >= 0


def eight(intents: np.ndarray) -> np.ndarray:
    """Every tenth."""
    return intents % 10 == 3


def test_texts_about_something_else_are_found() -> None:
    """Other intents of the same bank, in the same language and of the same length; and a mix of 8 of 77."""
    assert texts_found(low, high, 0)[0] <= 320
    at, stream = texts_found(whole, eight, 0)
    assert at <= 320
    assert stream.startswith("input: ")


def test_texts_about_the_same_are_not_accused() -> None:
    """Once; often below."""
    assert texts_found(whole, whole, 1, n=1_000) == (float("inf"), "")


@pytest.mark.slow
def test_how_soon_texts_about_something_else_are_found() -> None:
    """A table: the median of 8, the slowest, and by which stream."""
    shifts = {
        "intents 0-38, then 39-76": (low, high),
        "all 77, then 8": (whole, eight),
        "all 77, then 0-38": (whole, low),
    }
    for name, (before, after) in shifts.items():
        for good in (0, 1_000):
            found = [texts_found(before, after, seed, good=good) for seed in range(8)]
            ats, told = [at for at, _ in found], sorted({stream for _, stream in found})
            print(f"\n{name}, after {good:,} good: median {np.median(ats):.0f}, slowest {max(ats):.0f}, by {told}")
            assert sum(at <= 0 for at in ats) <= 1


@pytest.mark.slow
def test_how_often_unchanged_texts_are_accused() -> None:
    """40 releases, 2,000 questions each."""
    found = [texts_found(whole, whole, 100 + seed, n=2_000) for seed in range(40)]
    accused = [stream for at, stream in found if np.isfinite(at)]
    print(f"\nunchanged texts: {len(accused)} of 40 accused {accused}")
    assert len(accused) <= 6


def members(archive: str, ending: str) -> list[bytes]:
    """The files of an archive whose name ends so."""
    with tarfile.open(DATA / archive) as packed:
        names = sorted(name for name in packed.getnames() if name.endswith(ending))
        return [member.read() for name in names if (member := packed.extractfile(name)) is not None]


PICTURES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "unchanged": lambda pixels, _: pixels,
    "a tenth darker": lambda pixels, _: 0.9 * pixels,
    "noise of 4 %": lambda pixels, rng: pixels + rng.normal(0.0, 10.0, pixels.shape),
    "grey": lambda pixels, _: np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2),
    "half the size": lambda pixels, _: pixels[::2, ::2],
}
SOUNDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "unchanged": lambda samples, _: samples,
    "3 dB quieter": lambda samples, _: samples * 10.0 ** (-3.0 / 20.0),
    "12 dB quieter": lambda samples, _: samples * 10.0 ** (-12.0 / 20.0),
    "noise at -45 dB": lambda samples, rng: samples + rng.normal(0.0, 10.0 ** (-45.0 / 20.0), samples.shape),
    "clipped": lambda samples, _: np.clip(40.0 * samples, -1.0, 1.0),
    "cut in half": lambda samples, _: samples[: len(samples) // 2],
}


def _holding(content: bytes) -> Callable[[str], bytes]:
    return lambda _: content


def picture_rows(change: str) -> list[dict[str, Any]]:
    """What is seen of 240 pictures of NLVR that were changed so."""
    from PIL import Image

    rng, found = np.random.default_rng(0), []
    for content in members("nlvr/images_240.tar.gz", ".png"):
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.float64)
        changed = Image.fromarray(np.clip(PICTURES[change](pixels, rng), 0, 255).astype(np.uint8))
        out = io.BytesIO()
        changed.save(out, "PNG")
        found.append(seen_of("a.png", "image-classification", Lens(), _holding(out.getvalue())))
    return found


def sound_rows(change: str) -> list[dict[str, Any]]:
    """What is seen of 180 spoken digits that were changed so."""
    from merits.media.sounds import Sound, read_sound, wav_of

    rng, found = np.random.default_rng(0), []
    for content in members("fsdd/fsdd_180.tar.gz", ".wav"):
        sound = read_sound(content, None)
        samples = SOUNDS[change](sound.samples.astype(np.float64), rng).astype(np.float32)
        held = wav_of(Sound(samples, sound.rate))
        found.append(seen_of("a.wav", "speech", Lens(), _holding(held)))
    return found


ALSO = {  # what a change moves besides, and may be told first
    "a tenth darker": ("contrast", "colour", "sharpness"),
    "noise of 4 %": ("colour",),
    "12 dB quieter": ("silence",),
    "noise at -45 dB": ("level dB",),
    "clipped": ("level dB", "silence"),
}
KINDS = {"picture": (picture_rows, PICTURES, "image-classification"), "sound": (sound_rows, SOUNDS, "speech")}


@cache
def media_rows(kind: str, change: str) -> list[dict[str, Any]]:
    """What is seen of all pictures or sounds, changed so."""
    return KINDS[kind][0](change)


def media_found(
    kind: str, change: str, seed: int, *, n_test: int = 150, good: int = 200, n: int = 1_000
) -> tuple[float, str]:
    """Requests from a change to its alarm. All are drawn with replacement, so that test and traffic are alike."""
    rng = np.random.default_rng(seed)
    unchanged, changed = media_rows(kind, "unchanged"), media_rows(kind, change)
    test = [unchanged[k] for k in rng.integers(0, len(unchanged), n_test)]
    streams = streams_of([row_of(row, {}) for row in test], seed)
    live = [unchanged[k] for k in rng.integers(0, len(unchanged), good)]
    live += [changed[k] for k in rng.integers(0, len(changed), n)]
    at, stream = found_after(Reference(kind=KINDS[kind][2], n=n_test, streams=streams), live, part=8)
    return at - good, stream


@pytest.mark.parametrize(
    ("kind", "change", "stream"),
    [
        ("picture", "a tenth darker", "brightness"),
        ("picture", "noise of 4 %", "sharpness"),
        ("picture", "grey", "colour"),
        ("sound", "12 dB quieter", "level dB"),
        ("sound", "noise at -45 dB", "silence"),
        ("sound", "clipped", "clipping"),
        ("sound", "cut in half", "seconds"),
    ],
)
def test_pictures_and_sounds_that_change_are_found(kind: str, change: str, stream: str) -> None:
    """Within 100 requests, after 200 good ones; what was changed is among what is told."""
    at, found = media_found(kind, change, 1)
    assert 0 < at <= 100
    assert found in (f"input: {stream}", *(f"input: {also}" for also in ALSO.get(change, ())))


@pytest.mark.parametrize("kind", ["picture", "sound"])
def test_pictures_and_sounds_that_do_not_change_are_not_accused(kind: str) -> None:
    """20 releases."""
    accused = sum(np.isfinite(media_found(kind, "unchanged", 10 + seed, n=400)[0]) for seed in range(20))
    assert accused <= 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["picture", "sound"])
def test_how_soon_pictures_and_sounds_that_change_are_found(kind: str) -> None:
    """A table: the median of 20, the slowest; and 100 unchanged releases of 2,000 requests."""
    for change in KINDS[kind][1]:
        if change != "unchanged":
            found = [media_found(kind, change, seed) for seed in range(20)]
            ats, told = [at for at, _ in found], sorted({stream for _, stream in found})
            print(f"\n{kind}, {change}: median {np.median(ats):.0f}, slowest {max(ats):.0f}, by {told}")
    accused = sum(np.isfinite(media_found(kind, "unchanged", 100 + seed, n=1_800)[0]) for seed in range(100))
    print(f"\n{kind}, unchanged: {accused} of 100 accused")
    assert accused <= 12


def swapped(text: str, rng: np.random.Generator, rate: float) -> str:
    """A text in which so many letters changed places with the next."""
    letters = list(text)
    for at in range(len(letters) - 1):
        if rng.random() < rate:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def estimates(seed: int) -> dict[str, tuple[float, Estimate]]:
    """The true share solved of 1,500 questions of each kind, and what a classifier's confidence says of it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, intents = banking()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))
    known, strange = order[intents[order] < 70], order[intents[order] >= 70]
    train, test, rest = known[:2_000], known[2_000:2_400], known[2_400:]
    words = TfidfVectorizer(sublinear_tf=True)
    model = LogisticRegression(C=20.0, max_iter=200).fit(words.fit_transform([texts[k] for k in train]), intents[train])

    def asked(said: Sequence[str], right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chances = model.predict_proba(words.transform(said))
        return chances.max(axis=1), model.classes_[chances.argmax(axis=1)] == right

    on_test = asked([texts[k] for k in test], intents[test])
    meant = recalibration(*on_test)
    wrong = np.bincount(intents[test], ~on_test[1], minlength=70) / np.maximum(
        np.bincount(intents[test], minlength=70), 1
    )
    hard = rest[np.isin(intents[rest], np.argsort(-wrong)[:20])]
    plain, mixed = rest[:1_500], np.concatenate([rest[:1_125], strange[:375]])
    live = {
        name: ([texts[k] for k in some], intents[some])
        for name, some in (("as on test", plain), ("the hardest", hard[:1_500]), ("a quarter strange", mixed))
    }
    for rate in (0.03, 0.10):
        live[f"{rate:.0%} swapped"] = [swapped(texts[k], rng, rate) for k in plain], intents[plain]
    found = {}
    for name, (said, right) in live.items():
        sure, solved = asked(said, right)
        found[name] = float(solved.mean()), estimated_quality(meant, sure)
    return found


@pytest.mark.slow
def test_how_far_off_the_estimated_quality_is() -> None:
    """Near the truth where inputs are like those of test or only harder; too high where they are strange."""
    runs = [estimates(seed) for seed in range(10)]
    for name in runs[0]:
        off = [(one[name][1].value or 0.0) - one[name][0] for one in runs]
        held = sum((one[name][1].low or 0.0) <= one[name][0] <= (one[name][1].high or 1.0) for one in runs)
        furthest = 100 * max(off, key=abs)
        print(f"\n{name}: off by {100 * np.mean(off):+.1f} points, furthest {furthest:+.1f}; held {held} of 10")
        if name in ("as on test", "the hardest"):
            assert held >= 7
