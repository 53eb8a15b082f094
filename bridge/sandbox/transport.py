"""An in-process httpx transport, for tests that need no port."""

import httpx
from starlette.applications import Starlette

from bridge.sandbox.faults import ConnectionDropped


class SandboxTransport(httpx.ASGITransport):
    """`httpx.ASGITransport` that turns the sandbox's dropped connections into httpx's own error."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionDropped as dropped:
            message = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(message, request=request) from dropped
