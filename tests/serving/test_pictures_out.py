"""A picture that a release made is given as its content; nothing else on the machine is."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from merits.core.identity import JSON
from merits.serving.pictures_out import shown_output
from merits.testing.serving import a_release
from tests.serving.test_predict import picture

PAINTER = a_release("p", kind="text-to-image")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of releases, with a picture in this one's, and others outside of it."""
    inside = tmp_path / "releases" / "p" / "1" / "pictures"
    inside.mkdir(parents=True)
    (inside / "a.PNG").write_bytes(picture())
    (inside / "a.txt").write_bytes(b"a secret")
    (tmp_path / "releases" / "p" / "2").mkdir()
    (tmp_path / "releases" / "p" / "2" / "b.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture())
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "folder.png").mkdir()
    return tmp_path / "releases"


def test_a_picture_comes_with_its_content(home: Path) -> None:
    """Beside its name, and whatever else is said of it."""
    shown = shown_output({"file": "pictures/a.PNG", "seed": 7}, PAINTER, home)
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    assert shown == {"file": "pictures/a.PNG", "seed": 7, "url": url}


@pytest.mark.parametrize(
    "name",
    [
        "../2/b.png",
        "../../../secret.png",
        "/etc/passwd",
        "pictures/link.png",
        "pictures/a.txt",
        "pictures/folder.png",
        "pictures/gone.png",
        "pictures/../../2/b.png",
        "",
        ".",
        7,
        None,
    ],
)
def test_no_other_file_is_shown(home: Path, name: JSON) -> None:
    """Whatever an output says: a path out of the release, a link, or what is no picture."""
    output = {"file": name}
    assert shown_output(output, PAINTER, home) == output


def test_an_absolute_path_outside_is_not_shown(home: Path) -> None:
    """And one inside is."""
    outside = {"file": str(home.parent / "secret.png")}
    assert shown_output(outside, PAINTER, home) == outside
    inside = shown_output({"file": str(home / "p" / "1" / "pictures" / "a.PNG")}, PAINTER, home)
    assert isinstance(inside, dict)
    assert "url" in inside


@pytest.mark.parametrize("output", ["pictures/a.PNG", None, [{"file": "pictures/a.PNG"}]])
def test_other_outputs_stay_as_they_are(home: Path, output: JSON) -> None:
    """A text that looks like one, too."""
    assert shown_output(output, PAINTER, home) == output
    as_record = {"file": "pictures/a.PNG"}
    assert shown_output(as_record, a_release("p", kind="extraction"), home) == as_record
    assert shown_output(as_record, a_release("p", kind="of another age"), home) == as_record
