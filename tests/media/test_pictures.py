"""Pictures as users have them: odd ones are read as a viewer would show them, broken ones are named, none does harm."""

from __future__ import annotations

import asyncio
import io
import struct
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.outcome import Status
from merits.evaluating import evaluate
from merits.media.pictures import MOST_PIXELS, png_of, read_picture, thumbnail
from merits.store import open_store
from merits.tasks.file import load_task
from tests.media.painting import painted

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A few bytes that say that they are a picture of gigabytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def halves() -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (8, 8), RED)
    picture.paste(BLUE, (0, 4, 8, 8))
    return picture


WHOLE = saved(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")
BROKEN = {
    "nothing.png": b"",
    "text.png": b"This is no picture.\n",
    "cut.jpg": WHOLE[: len(WHOLE) // 2],
    "cut.png": saved(Image.effect_noise((64, 64), 50))[:1500],
    "garbage.gif": b"GIF89a" + bytes(range(256)),
    "header.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "bomb.png": bomb(60_000, 60_000),
    "large.png": bomb(9_000, 9_000),
    "wide.png": bomb(2**31 - 1, 1),
    "tiff.png": saved(Image.new("RGB", (2, 2)), "TIFF"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_an_error_that_names_the_file(name: str, tmp_path: Path) -> None:
    """Whoever has ten thousand of them must know which."""
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(DataError) as caught:
        read_picture(tmp_path / name)
    assert name in str(caught.value)
    assert caught.value.next_step
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of broken EXIF data
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_file_that_is_broken_anywhere_is_read_or_refused(format: str) -> None:
    """Pillow raises a dozen kinds of exceptions; none may end a run, so files are broken at random."""
    random = np.random.default_rng(5)
    whole = saved(Image.effect_noise((40, 40), 80).convert("RGB"), format)
    refused = 0
    for _ in range(300):
        broken = bytearray(whole)
        for place in random.integers(len(whole), size=int(random.integers(1, 6))):
            broken[place] = int(random.integers(256))
        try:
            assert read_picture(bytes(broken[: int(random.integers(20, len(whole) + 1))])).mode == "RGB"
        except DataError:
            refused += 1
    assert refused > 100


def test_a_picture_as_large_as_is_allowed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is of pixels, not of a side."""
    monkeypatch.setattr("merits.media.pictures.MOST_PIXELS", 64)
    assert read_picture(saved(Image.new("L", (64, 1)))).size == (64, 1)
    with pytest.raises(DataError, match=r"13 x 5 pixels, more than 64"):
        read_picture(saved(Image.new("L", (13, 5))))
    assert MOST_PIXELS == 50_000_000


def test_a_moving_picture_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE, WHITE)]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_picture(moving).getpixel((3, 3)) == RED


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_what_is_transparent_is_white(format: str) -> None:
    """As most viewers show it; what is under it is whatever the program left there."""
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 4, 8))
    found = read_picture(saved(clear, format, **({"lossless": True} if format == "WEBP" else {})))
    assert (found.getpixel((1, 1)), found.getpixel((6, 6))) == (BLUE, WHITE)


def test_a_palette_with_a_transparent_colour_is_read() -> None:
    """GIF and small PNG files."""
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (0, 0, 4, 8))
    found = read_picture(saved(palette, "PNG", transparency=0))
    assert (found.getpixel((1, 1)), found.getpixel((6, 6))) == (BLUE, WHITE)
    grey = read_picture(saved(palette, "GIF"), "L")
    assert grey.mode == "L"


def test_sixteen_bits_of_grey_become_eight() -> None:
    """Microscopes and X-rays write them; cut off at 255 they would be white."""
    deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    found = np.asarray(read_picture(saved(Image.fromarray(deep)), "L"))
    assert np.abs(found.astype(int) - (deep >> 8)).max() == 0
    assert np.asarray(read_picture(saved(Image.fromarray(deep)))).shape == (8, 8, 3)


def test_the_inks_of_a_printer_are_read_as_colours() -> None:
    """CMYK files of JPEG come from every design department."""
    found = read_picture(saved(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG", quality=95))
    red, green, blue = found.getpixel((8, 8))
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_every_mode_is_read_in_both(mode: str) -> None:
    for wanted in ("RGB", "L"):
        assert read_picture(saved(halves().convert(mode)), wanted).mode == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(("orientation", "top"), [(1, RED), (3, BLUE), (6, None), (8, None)])
def test_a_photograph_is_upright(orientation: int, top: tuple[int, int, int] | None) -> None:
    """Cameras save as they were held and say so in EXIF."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = halves().resize((16, 8)) if top is None else halves()
    found = read_picture(saved(picture, "PNG", exif=exif))
    if top is None:
        assert found.size == (8, 16)
    else:
        assert found.getpixel((3, 0)) == top


def test_the_ending_does_not_matter(tmp_path: Path) -> None:
    """A PNG that is called .jpg is a PNG."""
    (tmp_path / "wrong.jpg").write_bytes(saved(halves()))
    assert read_picture(tmp_path / "wrong.jpg").getpixel((0, 0)) == RED


def test_a_thumbnail_is_small_and_keeps_proportions() -> None:
    small = Image.open(io.BytesIO(thumbnail(Image.new("RGB", (4000, 1000), RED), 96)))
    assert small.size == (96, 24)
    assert png_of(halves()) == png_of(halves())


TASK = """
name: colours
kind: image-classification
data: {dev: dev.csv, test: test.csv}
input: picture
target: label
"""


def test_a_broken_picture_is_a_failure_that_names_it_and_the_others_go_on(tmp_path: Path) -> None:
    """In test it is an outcome, in dev it is not learned from: never the end of a run."""
    paths = painted(tmp_path, 8)
    for name, content in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    broken = [f"{name},red" for name in BROKEN] + ["gone.png,red", "notes.txt,blue"]
    (tmp_path / "notes.txt").write_text("red")
    whole = [f"{path},{path.split('/')[0]}" for path in paths]
    (tmp_path / "dev.csv").write_text("\n".join(["picture,label", *whole, *broken]))
    (tmp_path / "test.csv").write_text("\n".join(["picture,label", *broken, *whole]))
    (tmp_path / "merits.yaml").write_text(TASK)
    nearest = {"estimator": "sklearn.neighbors.KNeighborsClassifier", "params": {"n_neighbors": 1}}
    pixels = Candidate(name="knn", kind="sklearn", params={**nearest, "pixels": {"size": 8}})
    task = load_task(tmp_path / "merits.yaml")
    notes: list[str] = []
    with closing(open_store(tmp_path / "store.sqlite")) as store:
        evaluation = asyncio.run(evaluate(task, [pixels], store=store, progress=Notes(notes), env={}))
        failures = {
            answer.failure.message for answer in store.answers(evaluation.versions[0]).values() if answer.failure
        }
    status = evaluation.status[0].tolist()
    assert status == [Status.FAILED] * len(broken) + [Status.SCORED] * len(whole)
    assert evaluation.solved[0].sum() == len(whole)
    for name in (*BROKEN, "gone.png", "notes.txt"):
        assert any(name in message for message in failures), name
    assert any(f"knn: {len(broken)} of {len(broken) + len(whole)} examples cannot be read" in note for note in notes)


def test_a_large_picture_is_refused_once_and_by_us_alone(tmp_path: Path) -> None:
    """Pillow's own warning, with a line of its source, says nothing that the error does not."""
    (tmp_path / "large.png").write_bytes(bomb(12_000, 9_000))
    code = f"""from merits.media.pictures import read_picture
from pathlib import Path
try:
    read_picture(Path({str(tmp_path / "large.png")!r}))
except Exception as problem:
    print(type(problem).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("DataError", "")


class Notes:
    """A progress that keeps the notes."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def started(self, plan: object) -> None: ...

    def answered(self, candidate: str, n_answered: int, n_failed: int) -> None: ...

    def note(self, text: str) -> None:
        self._notes.append(text)

    def finished(self) -> None: ...
