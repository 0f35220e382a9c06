"""Gateways that others would write or install, for the benchmark `gateway`: run where their packages are."""

# without `from __future__ import annotations`: FastAPI reads them, and they name what is imported inside a function

import socket
from typing import Any

from benchmarks._gateway_servers import serve_app

_PATH = "/v1/chat/completions"
_JSON = {"Content-Type": "application/json"}


async def starlette(upstream: str, sock: socket.socket) -> None:
    import aiohttp
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async with aiohttp.ClientSession() as session:

        async def handle(request: Request) -> Response:
            body = await request.body()
            async with session.post(f"{upstream}/chat/completions", data=body, headers=_JSON) as reply:
                return Response(await reply.read(), reply.status, media_type="application/json")

        await serve_app(Starlette(routes=[Route(_PATH, handle, methods=["POST"])]), sock)


async def fastapi_httpx(upstream: str, sock: socket.socket) -> None:
    import fastapi
    import httpx

    application = fastapi.FastAPI()
    async with httpx.AsyncClient() as client:

        @application.post(_PATH)
        async def handle(request: fastapi.Request) -> Any:
            reply = await client.post(f"{upstream}/chat/completions", content=await request.body(), headers=_JSON)
            return reply.json()

        await serve_app(application, sock)


async def with_litellm(upstream: str, sock: socket.socket) -> None:
    import fastapi
    import litellm

    application = fastapi.FastAPI()

    @application.post(_PATH)
    async def handle(request: fastapi.Request) -> Any:
        asked = await request.json()
        reply = await litellm.acompletion(
            model="openai/fake", messages=asked["messages"], api_base=upstream, api_key="any"
        )
        return reply.model_dump()

    await serve_app(application, sock)


SERVERS = {"starlette-aiohttp": starlette, "fastapi-httpx": fastapi_httpx, "litellm": with_litellm}
