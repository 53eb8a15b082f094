"""The client credentials grant: every app made since January 2026 gets its keys this way.

https://shopify.dev/docs/apps/build/authentication-authorization/client-credentials-grant
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from bridge.errors import NeedsPerson, UnreadableBody
from bridge.reasons import because
from bridge.sources.access import Token, TokenRequest
from bridge.sources.reading import Payload, glimpse

_PATH = "/admin/oauth/access_token"


class _Answer(Payload):
    access_token: str = Field(min_length=1)
    expires_in: int = Field(gt=0)


def token_request(client_id: str, client_secret: str, base_url: str) -> TokenRequest:
    """See `Grant.token_request`. There is no token to refresh with: a new one is asked for."""
    if not base_url:
        raise NeedsPerson(because("api_address_missing", path=_PATH))
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return TokenRequest(url=base_url.rstrip("/") + _PATH, form=form)


def read_token(body: bytes) -> Token:
    """See `Grant.read_token`."""
    answer = glimpse(_Answer, body)
    if answer is None:
        raise UnreadableBody("the answer holds no access token")
    return Token(value=answer.access_token, lasts=timedelta(seconds=answer.expires_in))
