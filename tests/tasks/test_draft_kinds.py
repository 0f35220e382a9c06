"""A draft knows more kinds of task than classifications: by what the columns hold, or as it is told."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import DataError, MeritsError
from merits.core.robustness import Robustness
from merits.core.task import Task
from merits.media.sounds import Sound, wav_of
from merits.tasks.draft import draft
from merits.tasks.file import load_task
from tests.media.painting import painted

Rows = list[dict[str, object]]
CALLS: Rows = [{"file": f"{i}.wav", "transcript": f"the number {i} please", "speaker": "ab"[i % 2]} for i in range(12)]
PAIRS: Rows = [{"english": f"the house {i} is old", "spanish": f"la casa {i} es vieja"} for i in range(12)]
ORDERS: Rows = [
    {"user_id": f"u{i % 6}", "product": f"p{i % 11}", "timestamp": i, "stars": 1 + i % 5} for i in range(60)
]


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def shown(folder: Path, **columns: str) -> Path:
    """Twelve pictures with captions, and further columns that are the same for all of a colour."""
    names = painted(folder, 6)
    rows: Rows = [
        {"picture": name, "caption": f"a field of {name.split('/')[0]} number {i}"}
        | {column: f"{value} {name.split('/')[0]}" for column, value in columns.items()}
        for i, name in enumerate(names)
    ]
    return write(folder / "shown.csv", rows)


def heard(folder: Path) -> Path:
    for i, row in enumerate(CALLS):
        (folder / str(row["file"])).write_bytes(wav_of(Sound(np.full(800, i / 50, np.float32), 8000)))
    return write(folder / "calls.csv", CALLS)


def loaded(text: str, folder: Path) -> Task:
    (folder / "merits.yaml").write_text(text, "utf-8")
    return load_task(folder / "merits.yaml")


def test_sounds_with_a_transcript_are_speech(tmp_path: Path) -> None:
    drafted = draft(heard(tmp_path))
    task = loaded(drafted.text, tmp_path)
    assert (task.kind, task.scorers[0].kind, task.tag_names) == ("speech", "wer", ("speaker",))
    assert (task.examples[0].input, task.examples[0].target) == ("0.wav", "the number 0 please")
    assert "- wer <= 20% @ 95%" in drafted.text
    assert any("file names sounds" in line for line in drafted.assumptions)


def test_sounds_in_folders_of_labels_are_heard_and_their_names_are_not_learned_from(tmp_path: Path) -> None:
    for i in range(12):
        file = tmp_path / "words" / ("yes", "no")[i % 2] / f"{i}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav_of(Sound(np.full(800, i / 50, np.float32), 8000)))
    drafted = draft(tmp_path / "words", folder=tmp_path)
    task = loaded(drafted.text, tmp_path)
    assert task.kind == "classification"
    assert {candidate.kind for candidate in task.candidates} <= {"most-common", "whisper"}
    assert "def answer(path)" in drafted.text
    assert "white_noise" in drafted.text


def test_columns_called_after_languages_are_a_translation(tmp_path: Path) -> None:
    task = loaded(draft(write(tmp_path / "pairs.csv", PAIRS)).text, tmp_path)
    assert (task.kind, task.examples[0].input) == ("translation", "the house 0 is old")
    assert task.candidates[0].kind == "copy"
    back = draft(tmp_path / "pairs.csv", target="english")
    assert "pair: spa-eng" in back.text


def test_two_texts_are_a_translation_when_told(tmp_path: Path) -> None:
    """Their names say nothing; their order does."""
    rows: Rows = [dict(zip(("left", "right"), row.values(), strict=True)) for row in PAIRS]
    path = write(tmp_path / "pairs.csv", rows)
    with pytest.raises(DataError, match="--kind KIND"):
        draft(path)
    drafted = draft(path, kind="translation")
    assert loaded(drafted.text, tmp_path).examples[0].target == "la casa 0 es vieja"
    assert "Translate into LANGUAGE" in drafted.text


def test_who_chose_what_and_when_is_a_recommendation(tmp_path: Path) -> None:
    drafted = draft(write(tmp_path / "orders.csv", ORDERS))
    task = loaded(drafted.text, tmp_path)
    assert task.kind == "recommendation"
    assert "events: {user: user_id, item: product, time: timestamp, rating: stars}" in drafted.text
    assert [candidate.kind for candidate in task.candidates][:3] == ["popularity", "item-knn", "ease"]


def test_halves_of_stars_are_no_gains(tmp_path: Path) -> None:
    rows: Rows = [{**row, "stars": 2.5} for row in ORDERS]
    assert "time: timestamp}" in draft(write(tmp_path / "orders.csv", rows)).text


def test_reviews_by_users_stay_a_classification(tmp_path: Path) -> None:
    """That a table says who and when makes it no recommendation."""
    rows: Rows = [{**row, "text": f"I like number {i} a lot", "label": "yn"[i % 2]} for i, row in enumerate(ORDERS)]
    assert loaded(draft(write(tmp_path / "reviews.csv", rows)).text, tmp_path).kind == "classification"


def test_pictures_with_words_and_labels_are_read_together(tmp_path: Path) -> None:
    task = loaded(draft(shown(tmp_path, label="is")).text, tmp_path)
    assert task.kind == "multimodal-classification"
    assert list(task.examples[0].input) == ["picture", "caption"]  # type: ignore[arg-type]
    assert [candidate.name for candidate in task.candidates] == [
        *("most-common", "by-picture", "by-words", "joint", "fused")
    ]


def test_pictures_with_words_alone_are_drawn(tmp_path: Path) -> None:
    """What is drawn is kept apart from the pictures that are wanted."""
    drafted = draft(shown(tmp_path))
    task = loaded(drafted.text, tmp_path)
    assert (task.kind, task.examples[0].target) == ("text-to-image", "blue/0.png")
    assert "kept in the folder drawn" in drafted.text
    assert not (tmp_path / "pictures").exists()
    assert any("a guess" in line for line in drafted.assumptions if line.startswith("kind"))


def test_captions_are_drawn_though_a_column_repeats_and_are_read_where_it_is_called_a_label(tmp_path: Path) -> None:
    drafted = draft(shown(tmp_path, shape="is"))
    assert loaded(drafted.text, tmp_path).kind == "text-to-image"
    assert any("--target shape" in line for line in drafted.assumptions)
    told = draft(tmp_path / "shown.csv", target="shape")
    assert loaded(told.text, tmp_path).kind == "multimodal-classification"


def test_amounts_beside_pictures_and_words_are_read_too(tmp_path: Path) -> None:
    names = painted(tmp_path, 6)
    rows: Rows = [
        {"row_id": i, "picture": name, "title": f"a field number {i}", "price": 1.5 * i, "category": name.split("/")[0]}
        for i, name in enumerate(names)
    ]
    task = loaded(draft(write(tmp_path / "items.csv", rows)).text, tmp_path)
    assert list(task.examples[0].input) == ["picture", "title", "price"]  # type: ignore[arg-type]


def test_source_and_target_are_a_translation_and_a_question_with_an_answer_is_none(tmp_path: Path) -> None:
    rows: Rows = [dict(zip(("source", "target"), row.values(), strict=True)) for row in PAIRS]
    assert loaded(draft(write(tmp_path / "a.csv", rows)).text, tmp_path).kind == "translation"
    rows = [dict(zip(("question", "target"), row.values(), strict=True)) for row in PAIRS]
    assert loaded(draft(write(tmp_path / "b.csv", rows)).text, tmp_path).kind == "generation"


def test_events_are_known_by_a_word_of_their_names_and_the_only_moment(tmp_path: Path) -> None:
    rows: Rows = [
        {
            "buyer": "x",
            "shopper_no": f"u{i % 6}",
            "film": f"p{i % 11}",
            "bought_at": f"2026-01-{1 + i % 28:02}T10:00:00",
        }
        for i in range(60)
    ]
    drafted = draft(write(tmp_path / "orders.csv", rows))
    assert "events: {user: shopper_no, item: film, time: bought_at}" in drafted.text


def test_a_folder_with_one_table_is_that_table(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    drafted = draft(heard(tmp_path).parent)
    assert "data: calls.csv" in drafted.text
    assert loaded(drafted.text, tmp_path).kind == "speech"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("blue", "blue holds 6 pictures or sounds, and nothing says what they are"),
        ("one", "all 6 files of one are in one folder"),
    ],
)
def test_pictures_without_labels_are_refused_with_what_to_do(place: str, message: str, tmp_path: Path) -> None:
    painted(tmp_path, 6)
    (tmp_path / "one").mkdir()
    (tmp_path / "red").rename(tmp_path / "one" / "red")
    with pytest.raises(DataError, match=message) as refused:
        draft(tmp_path / place)
    assert "name a table" in refused.value.next_step


def test_other_columns_that_could_be_the_target_are_named(tmp_path: Path) -> None:
    rows: Rows = [
        {"picture": n, "species": "xyz"[i % 3], "camera": "ab"[i % 2]} for i, n in enumerate(painted(tmp_path, 9))
    ]
    said = draft(write(tmp_path / "photos.csv", rows)).assumptions
    assert "target: camera, the last column (a guess; or --target species)" in said


def test_a_told_kind_finds_its_columns(tmp_path: Path) -> None:
    path = shown(tmp_path, label="is")
    task = loaded(draft(path, kind="image-classification").text, tmp_path)
    assert (task.examples[0].input, task.examples[0].target) == ("blue/0.png", "is blue")
    task = loaded(draft(path, kind="text-to-image").text, tmp_path)
    assert task.examples[0].input == "a field of blue number 0"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("speech", "no column names sounds"),
        ("image-classification", "no column names pictures"),
        ("recommendation", "which column is the user and the item and the time"),
        ("speach", "Did you mean 'speech'"),
    ],
)
def test_a_told_kind_without_its_columns_is_refused(kind: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MeritsError, match=message):
        draft(write(tmp_path / "pairs.csv", PAIRS), kind=kind)


@pytest.mark.parametrize("kind", ["speech", "translation", "recommendation", "text-to-image", "image-classification"])
def test_what_is_written_in_comments_runs_too(kind: str, tmp_path: Path) -> None:
    """A reader takes the comment sign away and expects the rest to be right."""
    if kind == "speech":
        path = heard(tmp_path)
    elif "image" in kind:
        path = shown(tmp_path, label="is")
    else:
        path = write(tmp_path / "t.csv", PAIRS if kind == "translation" else ORDERS)
    drafted = draft(path, kind=kind)
    keys = r"requirements:|worth_of|loss_of|volume|currency|incumbent|machine_per|robustness|- \w|- \{|  \w+:|  -"
    text, n = re.subn(rf"(?m)^( *)# (?={keys})", r"\1", drafted.text)
    assert n >= 9
    task = loaded(text, tmp_path)
    assert task.robustness != Robustness()
    assert task.needs.incumbent == task.candidates[0].name
    assert "mine" in {candidate.name for candidate in task.candidates}
