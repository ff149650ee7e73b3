"""The ASGI application: one request in, one answer out.

The core is synchronous. This module crosses over in one place (``_answer``): a read that is
short enough runs on the event loop, everything else in a thread, so that a slow write never
holds up the others.

ASGI: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from typing import Any, Final

from keyturn.api.dispatch import Dispatcher
from keyturn.api.lambda_ import code_links
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.server.health import health

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# The longest request that AWS takes here: a function's ZIP of 50 MiB, as base64 within JSON.
BODY_BYTES_MAX: Final = 70 * 1024 * 1024

_TOO_LARGE: Final = HttpResponse(
    413,
    (("content-type", "application/json"),),
    b'{"__type":"RequestEntityTooLargeException","message":"The request is longer than this '
    b'server accepts (73400320 bytes)."}',
)


class BodyTooLargeError(Exception):
    """The request's body is longer than ``BODY_BYTES_MAX``."""


class Application:
    """Answers HTTP requests with a dispatcher, and those for a link to code with ``links``.

    What waits for a function has threads of its own: other requests, those of the functions among
    them, find a free one however many wait.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        links: CodeLinks,
        threads: Executor,
        threads_for_functions: Executor,
    ) -> None:
        self._dispatcher = dispatcher
        self._links = links
        self._threads = threads
        self._threads_for_functions = threads_for_functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} isn't served")
        if scope["path"].startswith(code_links.PATH) and scope["method"] == "GET":
            loop = asyncio.get_running_loop()
            fetch = self._links.fetch
            await _send(send, await loop.run_in_executor(self._threads, fetch, scope["path"]))
            return
        if scope["path"].startswith("/_keyturn/"):
            await _send(send, health(scope["path"]))
            return
        try:
            request = await _read(scope, receive)
        except BodyTooLargeError:
            await _send(send, _TOO_LARGE)
            return
        await _send(send, await self._answer(request, scope["client"][0]))

    async def _answer(self, request: HttpRequest, source_ip: str) -> HttpResponse:
        routed = self._dispatcher.route(request, source_ip)
        if isinstance(routed, HttpResponse):
            return routed
        if routed.operation.is_quick:
            return self._dispatcher.answer(routed)
        waits = routed.operation.waits_for_function
        threads = self._threads_for_functions if waits else self._threads
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, self._dispatcher.answer, routed)


async def _read(scope: Scope, receive: Receive) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=_headers(scope["headers"]),
        body=await _body(receive),
    )


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= BODY_BYTES_MAX else _refuse()
    parts, length = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        length += len(part)
        if length > BODY_BYTES_MAX:
            _refuse()
        parts.append(part)
    return b"".join(parts)


def _refuse() -> bytes:
    raise BodyTooLargeError


async def _send(send: Send, response: HttpResponse) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
