"""What opens a platform's API, whichever way its owner was given it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import httpx
from pydantic import SecretStr

from bridge.errors import NeedsPerson, RetryLater, UnreadableBody
from bridge.reasons import because
from bridge.sources.access import Grant, Token
from bridge.sources.base import Source

RENEWED_AT: Final = 0.8
"""Of its life a token has so much behind it when the next is asked for: none runs out amid a list."""


class Credential(Protocol):
    """Tells the key as of now."""

    async def key(self) -> str:
        """Raises RetryLater or NeedsPerson."""
        ...

    def refused(self) -> None:
        """The platform did not take the key."""
        ...


class FixedKey:
    """A key that stays what it is."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    async def key(self) -> str:
        """See `Credential`."""
        return self._secret.get_secret_value()

    def refused(self) -> None:
        """There is no other."""


class ClientCredentials:
    """Asks for a token with an id and a secret, and for the next before it runs out.

    Each process has its own, in memory: the platform gives as many as are asked for, and what lies nowhere
    needs no seal. `clock`: seconds that only go on.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        source: Source,
        grant: Grant,
        shop: str,
        client_id: str,
        secret: SecretStr,
        base_url: str,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._source = source
        self._grant = grant
        self._shop = shop
        self._client_id = client_id
        self._secret = secret
        self._base_url = base_url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    async def key(self) -> str:
        """See `Credential`. Many may ask at once: one asks the platform."""
        async with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                self._token = await self._ask()
                self._renew_at = self._clock() + self._token.lasts.total_seconds() * RENEWED_AT
            return self._token.value

    def refused(self) -> None:
        """The app may have been installed anew: the next key is another one."""
        self._token = None

    async def _ask(self) -> Token:
        request = self._grant.token_request(self._client_id, self._secret.get_secret_value(), self._base_url)
        platform = self._source.TITLE
        try:
            answer = await self._http.post(request.url, data=dict(request.form), follow_redirects=False)
        except httpx.HTTPError as exc:
            raise RetryLater(
                because("shop_unreachable", platform=platform, error=type(exc).__name__)
            ) from exc
        if answer.status_code == 429 or answer.status_code >= 500:
            raise RetryLater(because("shop_answers", platform=platform, status=answer.status_code))
        try:
            if answer.status_code == 200:
                return self._grant.read_token(answer.content)
        except UnreadableBody:
            pass
        raise NeedsPerson(
            because("shop_refuses_token", platform=platform, status=answer.status_code, shop=self._shop)
        )
