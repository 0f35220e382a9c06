"""Models behind a company's proxy and its own certificates, as the task's `.env` says; and no key in sight."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON
from tests.candidates.test_wire import AUTHORITY, server

KEY = "sk-proxied-0123456789"
COMPLETION = b'{"choices": [{"message": {"content": "yes"}}], "usage": {"prompt_tokens": 2, "completion_tokens": 1}}'
MESSAGE = b'{"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"}'
KINDS = pytest.mark.parametrize(("kind", "body"), [("chat", COMPLETION), ("anthropic", MESSAGE)])


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body),
        body,
    )


def model(kind: str, url: str, folder: Path) -> Model:
    """A model whose whole environment stands in the `.env` file beside the task."""
    params: dict[str, JSON] = {"model": "small", "base_url": url}
    context = LoadContext(folder=folder, task_kind="generation", env={})
    return load(Candidate(name="mine", kind=kind, params=params), context)


async def closing(asked: Model, ask: Callable[[Model], Awaitable[object]]) -> object:
    try:
        return await ask(asked)
    finally:
        await asked.close()


@KINDS
async def test_a_proxy_is_asked_with_the_key_in_its_header(kind: str, body: bytes, tmp_path: Path) -> None:
    """The variable may stand in `.env` too."""
    async with server(http(body)) as (proxy, got):
        env = f"HTTP_PROXY={proxy.removesuffix('/v1')}\nOPENAI_API_KEY={KEY}\nANTHROPIC_API_KEY={KEY}\n"
        (tmp_path / ".env").write_text(env)
        asked = model(kind, "http://models.example/v1", tmp_path)
        answer = await closing(asked, lambda asked: asked.answer("Is it?"))
    assert getattr(answer, "output", None) == "yes"
    (request,) = got
    assert request.startswith(b"POST http://models.example/v1/")
    assert KEY.encode() in request
    assert KEY not in repr(asked.__dict__)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
@KINDS
async def test_a_certificate_of_ones_own_authority_is_trusted(kind: str, body: bytes, tmp_path: Path) -> None:
    """Where SSL_CERT_FILE names it, and only there."""
    for line in AUTHORITY:
        subprocess.run(line.split(), check=True, capture_output=True, cwd=tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    async with server(http(body), context=context) as (url, _):
        with pytest.raises(AskFailed, match="certificate") as caught:
            await closing(model(kind, url, tmp_path), lambda asked: asked.answer("Is it?"))
        assert caught.value.failure.kind == "connection"
        (tmp_path / ".env").write_text(f"SSL_CERT_FILE={tmp_path / 'authority.pem'}\n")
        answer = await closing(model(kind, url, tmp_path), lambda asked: asked.answer("Is it?"))
    assert getattr(answer, "output", None) == "yes"


@KINDS
async def test_a_key_in_an_error_is_not_repeated(kind: str, body: bytes, tmp_path: Path) -> None:
    """Neither from a reply with a status nor from one that cannot be read."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\nANTHROPIC_API_KEY={KEY}\n")
    for reply in (
        http(b'{"error": {"message": "bad %b"}}' % KEY.encode(), "400 No"),
        http(b"<p>%b</p>" % KEY.encode()),
    ):
        async with server(reply) as (url, _):
            with pytest.raises(AskFailed) as caught:
                await closing(model(kind, url, tmp_path), lambda asked: asked.answer("Is it?"))
        assert "***" in caught.value.failure.message
        assert KEY not in str(caught.value)
