"""The description of the interface as a page for people, without scripts; its requests can be pasted into a shell."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from merits.serving.shapes import wav

__all__ = ["page"]

_ADDRESS = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")
_SILENCE = 2_000


def page(description: Mapping[str, Any], host: str = "", *, keys: bool = True) -> bytes:
    """The page. `host` is the one that it was asked from; `keys` says that requests need one."""
    origin = f"http://{host}" if _ADDRESS.fullmatch(host) else "http://localhost:8080"
    head = _KEY if keys else ""
    asking = _examples(description["paths"]["/predict"]["post"]["requestBody"]["content"])
    sections = [
        _section(path, method, operation, asking, origin, keys=keys and "security" not in operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = [
        f'<details id="{escape(name)}"><summary>{escape(name)}</summary><pre>{_linked(schema)}</pre></details>'
        for name, schema in description["components"]["schemas"].items()
    ]
    return _PAGE.format(head=head, sections="".join(sections), schemas="".join(schemas)).encode("utf-8", "replace")


def _examples(content: Mapping[str, Any]) -> dict[str, str]:
    """The bodies of requests, by what they are called."""
    examples = content.get("application/json", {}).get("examples", {})
    return {name: json.dumps(example["value"], ensure_ascii=False) for name, example in examples.items()}


def _section(
    path: str, method: str, operation: Mapping[str, Any], asking: Mapping[str, str], origin: str, *, keys: bool
) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    names = sorted({name for kind in content.values() for name in _names(kind["schema"])})
    takes = ", ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names)
    answers = ", ".join(
        f'<a href="#{escape(name)}">{escape(name)}</a>'
        for kind in operation["responses"].get("200", {}).get("content", {}).values()
        for name in _names(kind["schema"])
    )
    said = [f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}"]
    said += [f" Takes {takes}." if takes else "", f" Answers {answers}." if answers else "", "</p>"]
    for title, text in _requests(path, method, content, asking, origin, keys=keys):
        said.append(f"<p>{escape(title)}</p>" if title else "")
        said.append(f"<pre>{escape(text)}</pre>")
    return "".join(said)


def _requests(
    path: str, method: str, content: Mapping[str, Any], asking: Mapping[str, str], origin: str, *, keys: bool
) -> Iterator[tuple[str, str]]:
    """Titles and commands for a shell. What feedback is on is asked first."""
    key = '-H "Authorization: Bearer $KEY" ' if keys else ""
    if method == "get":
        names = "merits%2FTASK" if "{model}" in path else ""
        yield "", f"curl {key}{origin}{path.replace('{model}', names)}"
        return
    for name, body in _examples(content).items():
        said = shlex.quote(body)
        if path == "/feedback":
            ask = _asking(name, asking[name], origin, key) if name in asking else ""
            first = f"REQUEST=$({ask} | {_ID})\n" if ask else ""
            yield name, f"{first}curl {key}{origin}{path} -d {said.replace('REQUEST', _REQUEST, 1)}"
        elif path == "/predict":
            yield name, _asking(name, body, origin, key)
        elif len(body) < _LONG:
            yield name, f"curl {key}{origin}{path} -d {said}"
    if path == "/v1/audio/transcriptions":
        models = content["multipart/form-data"]["schema"]["properties"]["model"].get("enum", [])
        for model in models[:1]:
            yield model, f"{_sound()}\ncurl {key}{origin}{path} -F file=@example.wav -F model={shlex.quote(model)}"


_LONG = 2_000  # a sound
_REQUEST = "'\"$REQUEST\"'"
_ID = """sed 's/.*"merits":{"request":"\\([^"]*\\)".*/\\1/'"""


def _asking(name: str, body: str, origin: str, key: str) -> str:
    if len(body) < _LONG:
        return f"curl -s {key}{origin}/predict -d {shlex.quote(body)}"
    return f"{_sound()}\ncurl -s {key}{origin}/predict -F file=@example.wav -F model={shlex.quote(name)}"


def _sound() -> str:
    """What makes a file of silence."""
    head = base64.b64encode(wav(_SILENCE, whole=False)).decode()
    return f"{{ printf {head} | base64 -d; head -c {2 * _SILENCE} /dev/zero; }} > example.wav"


def _names(schema: Any) -> list[str]:
    """The schemas that a schema names."""
    if isinstance(schema, Mapping):
        found = [str(schema["$ref"]).rpartition("/")[2]] if "$ref" in schema else []
        return found + [name for key, part in schema.items() if key in ("anyOf", "items") for name in _names(part)]
    return [name for part in schema for name in _names(part)] if isinstance(schema, list) else []


def _linked(schema: Any) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False), quote=False)
    return re.sub(r'"#/components/schemas/([\w.-]+)"', r'"<a href="#\1">\1</a>"', text)


_KEY = "<p>Each request needs an API key (<code>merits keys create</code>):</p><pre>export KEY=mk_...</pre>"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Merits: interface</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
h2{{margin:2.2rem 0 .3rem;font-size:1.15rem}}p{{margin:.3rem 0}}summary{{cursor:pointer;padding:.2rem 0}}
pre{{background:#f4f4f4;padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}}</style>
<h1>Merits: interface</h1>
<p>The requests below can be pasted into a shell. The description for machines is at
<a href="openapi.json">openapi.json</a>.</p>{head}{sections}<h2>Schemas</h2>{schemas}</html>
"""
