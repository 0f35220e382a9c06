"""What a release was never tried on is refused before its model is asked; what is only new to it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.input_schema import InputSchema
from merits.core.task import Example
from merits.serving.schemas import presumed, schema_of
from merits.testing.models import Replying
from merits.testing.serving import ModelUnit, a_release, served
from tests.serving.test_openai import sound
from tests.serving.test_predict import as_url, picture

Make = Callable[..., Any]
ROWS: list[dict[str, JSON]] = [
    {"age": 20 + n, "income": 100.5 * n if n % 3 else None, "plan": "gold" if n % 2 else "free", "member": n % 5 == 0}
    for n in range(40)
]
TABLE = schema_of([Example(str(n), row) for n, row in enumerate(ROWS)], "classification")
RIGHT: dict[str, JSON] = {"age": 41, "income": 1200, "plan": "gold", "member": True}


def table(model: Replying) -> ModelUnit:
    """A release of a table."""
    return ModelUnit(a_release(inputs=TABLE.names, schema=TABLE), model)


def files_of(**files: str) -> dict[str, str]:
    """As an example holds what its files are."""
    return {name.replace("_", "."): kind for name, kind in files.items()}


def test_a_schema_is_what_all_examples_are() -> None:
    """Sorts, what lacks, and usual values; words of few examples are never shown."""
    columns = {column.name: column for column in TABLE.columns}
    assert [columns[name].holds for name in columns] == [("number",), ("number",), ("text",), ("switch",)]
    assert [columns[name].missing for name in columns] == ["never", "null", "never", "never"]
    assert sorted(map(str, columns["plan"].examples)) == ["free", "gold"]
    assert columns["age"].examples == (39,)
    rare = schema_of([Example(str(n), {"who": f"person {n}"}) for n in range(40)], "classification")
    assert rare.columns[0].examples == ()
    left_out = schema_of([Example("1", {"a": 1}), Example("2", {"b": [1, "x"]})], "classification")
    assert [(one.name, one.missing, one.items) for one in left_out.columns] == [
        ("a", "absent", ()),
        ("b", "absent", ("number", "text")),
    ]


@pytest.mark.parametrize(
    ("input", "files", "forms"),
    [
        ("a text", {}, ("text",)),
        ("1.png", files_of(**{"1_png": "image/png 0"}), ("picture",)),
        ("1.wav", files_of(**{"1_wav": "audio/wav 0"}), ("sound",)),
        ("gone.wav", {}, ("text",)),
        ([{"role": "user", "content": "hi"}], {}, ("messages",)),
        ([1, 2], {}, ("list",)),
    ],
)
def test_the_form_of_an_input(input: JSON, files: dict[str, str], forms: tuple[str, ...]) -> None:
    """A sound is one wherever it lies, also in a task of a kind that reads texts."""
    assert schema_of([Example("1", input, files=files)], "classification").forms == forms


@pytest.mark.parametrize(
    ("change", "code", "said", "param"),
    [
        ({"age": "forty"}, "invalid_value", "'age' holds numbers, and 'forty' is a text.", "input.age"),
        ({"age": "41"}, "invalid_value", "Send it without quotes.", "input.age"),
        ({"age": None}, "missing_value", "'age' is null, and always held a value. Give a number.", "input.age"),
        ({"age": True}, "invalid_value", "and true is true or false", "input.age"),
        ({"age": [1]}, "invalid_value", "'age' holds numbers, and [1] is a list.", "input.age"),
        ({"age": {"n": 1}}, "invalid_value", "is an object", "input.age"),
        ({"age": int("9" * 400)}, "invalid_value", "too large", "input.age"),
        ({"plan": 3}, "invalid_value", "'plan' holds texts, and 3 is a number. Send it in quotes.", "input.plan"),
        ({"member": "true"}, "invalid_value", "Send true or false without quotes.", "input.member"),
        ({"plna": "gold"}, "unknown_column", "Did you mean 'plan'?", "input.plna"),
        (
            {"age": ...},
            "missing_column",
            "lacks the column 'age', which merits/t@1 was never tried without.",
            "input.age",
        ),
    ],
)
def test_a_row_that_is_none_is_refused_before_the_model_is_asked(
    tmp_path: Path, client: Make, change: dict[str, Any], code: str, said: str, param: str
) -> None:
    """400 with the column and the next step; nothing is recorded as a failure of the model."""
    model = Replying(lambda row: Answer("yes"))
    row = {name: cell for name, cell in {**RIGHT, **change}.items() if cell is not ...}
    with served([table(model)], tmp_path) as running:
        ask = client(running.url)
        came = ask.post("/predict", {"input": row})
        batch = ask.post("/predict/batch", {"inputs": [RIGHT, row]}).json
    assert (came.status, came.code, came.json["error"]["param"]) == (400, code, param)
    assert said in came.json["error"]["message"]
    assert (batch["failed"], batch["answers"][1]["error"]["code"]) == (1, code)
    assert model.asked == [RIGHT]
    assert [one.record.answer.failure for one in running.live.served("t")] == [None]


@pytest.mark.parametrize("input", ["hello", 7, True, ["gold"], [{"role": "user", "content": "hi"}], {}])
def test_what_is_no_row_is_refused(tmp_path: Path, client: Make, input: JSON) -> None:
    """It was asked, and counted as the model's failure."""
    model = Replying(lambda row: Answer("yes"))
    with served([table(model)], tmp_path) as running:
        came = client(running.url).post("/predict", {"input": input})
        chat = client(running.url).chat(text="hello")
    assert (came.status, came.code) == (400, "invalid_value")
    assert "merits/t@1 reads columns (age, income, plan, member)" in came.json["error"]["message"]
    assert chat.status == 400
    assert "a JSON object of columns (age, income, plan, member)" in chat.json["error"]["message"]
    assert not model.asked


def test_what_is_new_but_of_its_sort_is_taken(tmp_path: Path, client: Make) -> None:
    """Out of the range, an unseen category, null where some were null; what was left out is asked as null."""
    model = Replying(lambda row: Answer("yes"))
    odd = [{**RIGHT, "age": -1e9}, {**RIGHT, "plan": "platinum"}, {**RIGHT, "income": None}, {**RIGHT, "plan": ""}]
    without = {name: cell for name, cell in RIGHT.items() if name != "income"}
    turned = dict(reversed(without.items()))
    with served([table(model)], tmp_path) as running:
        ask = client(running.url)
        assert [ask.post("/predict", {"input": row}).status for row in [*odd, without, turned]] == [200] * 6
        running.until_stored(6)
    assert model.asked[:4] == odd
    assert [list(row.items()) for row in model.asked[4:]] == [list({**RIGHT, "income": None}.items())] * 2  # type: ignore[attr-defined]
    hashes = [one.record.input_hash for one in running.live.served("t")]
    assert hashes[4] == hashes[5] == hashes[2]


def test_a_table_is_asked_as_a_chat_by_its_json(tmp_path: Path, client: Make) -> None:
    """The same checks."""
    model = Replying(lambda row: Answer("yes"))
    with served([table(model)], tmp_path) as running:
        ask = client(running.url)
        right = ask.chat(text='{"age": 41, "income": 1200, "plan": "gold", "member": true}')
        wrong = ask.chat(text='{"age": "x", "income": 1200, "plan": "gold", "member": true}')
    assert right.status == 200
    assert (wrong.status, wrong.json["error"]["param"]) == (400, "messages.age")
    assert model.asked == [RIGHT]


def test_pictures_and_sounds_are_told_apart(tmp_path: Path, client: Make) -> None:
    """A release of sounds is given sounds, whatever its kind of task; a damaged file is the client's, not a failure."""
    model = Replying(lambda path: Answer("yes"))
    heard = InputSchema(forms=("sound",))
    wav = as_url(sound(), "audio/wav")
    with served([ModelUnit(a_release(schema=heard), model)], tmp_path / "a") as running:
        ask = client(running.url)
        said = [ask.post("/predict", {"input": each}) for each in (wav, as_url(picture()), "a text")]
    assert [each.status for each in said] == [200, 400, 400]
    assert "reads a sound (a data URL: data:audio/wav;base64,...), not a picture." in said[1].json["error"]["message"]
    assert len(model.asked) == 1
    seen = a_release(kind="image-classification")
    with served([ModelUnit(seen, model)], tmp_path / "b") as running:
        came = client(running.url).post("/predict", {"input": as_url(picture()[:40])})
    assert (came.status, came.code) == (400, "unreadable_file")
    assert len(model.asked) == 1


def form(**parts: str | bytes) -> bytes:
    """A form; bytes are files."""
    body = b""
    for name, value in parts.items():
        file = b'; filename="x"' if isinstance(value, bytes) else b""
        data = value if isinstance(value, bytes) else value.encode()
        body += b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name.encode(), file, data)
    return body + b"--b--\r\n"


def test_a_form_s_fields_are_read_as_their_columns_are(tmp_path: Path, client: Make) -> None:
    """A form has texts only: a number is one where the column holds numbers; a word there is refused."""
    photo = {"photo": "1.png", "price": 2.5, "new": True, "title": "a", "note": None}
    schema = schema_of([Example("1", photo, files={"1.png": "image/png 0"})], "multimodal-classification")
    asked: list[Any] = []
    model = Replying(lambda row: Answer("yes") if asked.append(row) is None else Answer())
    release = a_release(kind="multimodal-classification", inputs=schema.names, schema=schema)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    with served([ModelUnit(release, model)], tmp_path) as running:
        ask = client(running.url)
        fields: dict[str, Any] = {"photo": picture(), "price": "3", "new": "true", "title": "7", "note": ""}
        right = ask.send("POST", "/predict", form(**fields), kind)
        word = ask.send("POST", "/predict", form(**{**fields, "price": "cheap"}), kind)
        lone = ask.send("POST", "/predict", form(photo=picture()), kind)
        text = ask.post("/predict", {"input": {**photo, "photo": "1.png"}})
    assert right.status == 200, right.body
    assert {name: cell for name, cell in asked[0].items() if name != "photo"} == {
        "price": 3,
        "new": True,
        "title": "7",
        "note": None,
    }
    assert [word.status, lone.status, text.status] == [400] * 3
    assert "'price' holds numbers, and 'cheap' is a text." in word.json["error"]["message"]
    assert lone.code == "missing_column"
    assert "Send a data URL: data:image/png;base64," in text.json["error"]["message"]
    assert len(asked) == 1


def test_a_recommender_is_asked_with_items(tmp_path: Path, client: Make) -> None:
    """Without a user, times or ratings; an empty list is a new user."""
    runs = [Example(str(n), {"user": "u", "items": ["a"], "times": [1.0]}) for n in range(3)]
    schema = schema_of(runs, "recommendation")
    model = Replying(lambda run: Answer(["b"]))
    release = a_release(kind="recommendation", inputs=schema.names, schema=schema)
    with served([ModelUnit(release, model)], tmp_path) as running:
        ask = client(running.url)
        wrong = [{"user": "u"}, {"items": "a"}, {"items": [["a"]]}, "a", ["a"]]
        assert [ask.post("/predict", {"input": each}).status for each in wrong] == [400] * 5
        for run in ({"items": []}, {"items": ["a"], "user": "new"}):
            assert ask.post("/predict", {"input": run}).status == 200
    assert model.asked == [{"items": []}, {"user": "new", "items": ["a"]}]


def test_a_chat_takes_texts_and_messages(tmp_path: Path, client: Make) -> None:
    """Either way round; a list that is no conversation is refused."""
    chat = Candidate(name="c", kind="chat", params={"model": "m"})
    model = Replying(lambda text: Answer("yes"))
    release = a_release(kind="generation", candidate=chat, schema=InputSchema(forms=("messages",)))
    with served([ModelUnit(release, model)], tmp_path) as running:
        ask = client(running.url)
        good = ["hi", [{"role": "user", "content": "hi"}]]
        bad: list[Any] = [[1], [{"role": 1, "content": "hi"}], [{"role": "user", "content": 7}], {"a": 1}]
        assert [ask.post("/predict", {"input": each}).status for each in good] == [200] * 2
        assert [ask.post("/predict", {"input": each}).status for each in bad] == [400] * 4


def test_a_release_of_a_former_version_keeps_its_id_and_is_presumed() -> None:
    """What it does not say may be anything."""
    from msgspec.structs import replace

    old = a_release(inputs=["age"])
    assert presumed(old).columns[0].missing == "absent"
    assert replace(old, schema=TABLE).id != old.id
    assert old.id == "37c8dbfc6cd89a2c7df0fdf65cad864c"
