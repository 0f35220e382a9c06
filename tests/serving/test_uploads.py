"""Forms and data URLs: what is in them, what is no form, and files that live as long as the request."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from merits.serving.refusals import Refusal
from merits.serving.uploads import Files, Ours, Upload, defused, form_in, suffix_of, texts_of
from tests.serving.test_openai import sound
from tests.serving.test_predict import as_url, picture

TYPE = b"multipart/form-data; boundary=b"


def part(head: bytes, data: bytes) -> bytes:
    """One part of a form."""
    return b"--b\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def test_the_parts_of_a_form_are_its_bytes(tmp_path: Path) -> None:
    """Line ends, and what looks like a boundary but does not begin a line, are of the file; names may be quoted."""
    data = b"\r\n\x00--b\r\r\n-b--\r\n--"
    body = part(
        b'Content-Disposition: form-data; name="file"; filename="a \\"b\\".wav"\r\nContent-Type: audio/wav', data
    )
    body += part(b'content-disposition: form-data; NAME="model"', b"merits/t") + b"--b--\r\nwhat follows"
    found = form_in(body, b'multipart/form-data; charset=utf-8; boundary="b"')
    assert found == {"file": Upload('a \\"b\\".wav', data), "model": Upload("", b"merits/t")}
    assert texts_of(found) == {"model": "merits/t"}


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (part(b'Content-Disposition: form-data; name="a"', b"1") + b"--b--", b"multipart/form-data", "no boundary"),
        (part(b'Content-Disposition: form-data; name="a"', b"1"), TYPE, "last boundary is missing"),
        (b"", TYPE, "last boundary is missing"),
        (b"hello", TYPE, "last boundary is missing"),
        (part(b"Content-Disposition: form-data", b"1") + b"--b--", TYPE, "has no name"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--', TYPE, "has no name"),
        (2 * part(b'Content-Disposition: form-data; name="a"', b"1") + b"--b--", TYPE, "'a' twice"),
        (
            b"".join(part(b'Content-Disposition: form-data; name="%d"' % n, b"") for n in range(66)) + b"--b--",
            TYPE,
            "more than 64 parts",
        ),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, kind: bytes, said: str) -> None:
    """With what is wrong."""
    with pytest.raises(Refusal, match=said) as told:
        form_in(body, kind)
    assert (told.value.status, told.value.code) == (400, "invalid_form")


def test_a_file_is_called_by_its_first_bytes() -> None:
    """Never as the client calls it; what we do not know is none."""
    known = {
        b"\xff\xd8\xff\xe0": ".jpg",
        b"GIF89a": ".gif",
        b"RIFF1234WEBP": ".webp",
        b"RIFF1234AVI ": "",
        b"fLaC": ".flac",
        b"OggS": ".ogg",
        b"\x1a\x45\xdf\xa3": ".webm",
        b"\x00\x00\x00\x20ftypM4A ": ".m4a",
        b"ID3\x03": ".mp3",
        b"\xff\xfb\x90": ".mp3",
        b"<svg/>": "",
        b"MZ": "",
        b"": "",
        b"\xff": "",
    }
    assert {data: suffix_of(data) for data in known} == known
    assert (suffix_of(picture()), suffix_of(sound())) == (".png", ".wav")


def test_files_are_there_until_the_last_holder_lets_go() -> None:
    """A shadow needs them longer than who asked; several do not overwrite each other."""
    files = Files()
    one, two = (Path(files.add(data)) for data in (picture(), picture("blue")))
    assert (one.read_bytes(), two.read_bytes()) == (picture(), picture("blue"))
    assert one.parent.stat().st_mode & 0o077 == 0  # nobody else's business
    files.hold()
    files.close()
    assert one.exists()
    files.close()
    assert not one.parent.exists()
    Files().close()


def test_a_data_url_becomes_a_file_and_a_text_stays_one() -> None:
    """What is broken is refused; a path of the client's is a text."""
    files = Files()
    try:
        path = files.from_url(as_url(sound(), "audio/x-wav;codecs=1"))
        assert path is not None
        assert (Path(path).suffix, Path(path).read_bytes()) == (".wav", sound())
        for text in ("hello", "/etc/passwd", "data:image/png,hello", "data:;base64,aGk=", "DATA:image/png;base64,aGk="):
            assert files.from_url(text) is None
        assert files.from_url(Ours("/tmp/ours.png")) == "/tmp/ours.png"
        with pytest.raises(Refusal) as told:
            files.from_url("data:image/png;base64,%%%", "input.photo")
        assert (told.value.code, told.value.param) == ("invalid_base64", "input.photo")
        with pytest.raises(Refusal) as told:
            files.from_url(f"data:image/png;base64,{base64.b64encode(b'#!/bin/sh').decode()}")
        assert told.value.code == "unknown_file_type"
    finally:
        files.close()


def test_names_of_files_on_this_machine_are_defused_wherever_they_stand() -> None:
    """A candidate would open them."""
    value = {"a": "/data/other.PNG", "b": ["x.wav", 1, {"c": "y.jpeg"}], "d": "a.png is nice"}
    assert defused(value) == {"a": "/data/other.PNG ", "b": ["x.wav ", 1, {"c": "y.jpeg "}], "d": "a.png is nice"}
