"""Clients of a running gateway: a plain one, and the official one of OpenAI."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["error"]["code"])


class Client:
    """One connection for each request."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url, key

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        """Sends bytes."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            connection.request(method, path, body, {**key, **(headers or {})})
            came = connection.getresponse()
            return Reply(came.status, {name.lower(): value for name, value in came.getheaders()}, came.read())
        finally:
            connection.close()

    def post(self, path: str, value: object, **headers: str) -> Reply:
        """Sends JSON."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.send("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json", **named})

    def get(self, path: str) -> Reply:
        """Asks for a page."""
        return self.send("GET", path)

    def chat(self, text: str = "hi", model: str = "merits/t", **more: object) -> Reply:
        """Asks as a chat."""
        return self.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more}
        )


@pytest.fixture
def client() -> Callable[..., Client]:
    """Makes a client of an address."""
    return Client


@pytest.fixture
def official() -> Iterator[Callable[..., Any]]:
    """Makes OpenAI's client of an address; closed at the end."""
    import openai

    made: list[openai.OpenAI] = []

    def make(url: str, key: str = "any") -> openai.OpenAI:
        made.append(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20))
        return made[-1]

    yield make
    for one in made:
        one.close()
