"""Who is at the console: a signed cookie, nothing kept on the server.

The signing key is derived from `ops_token`: a new token ends every session. The cookie says the operator's
name, when it ends, and a nonce that the forms' CSRF tokens are made of. Before the login it carries the nonce
alone, so that the login form is guarded like every other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(hours=12)
COOKIE = "bridge_session"
NAME_LENGTH = 40
DEFAULT_NAME = "operator"


@dataclass(frozen=True, slots=True)
class Session:
    """`who`: the name given at the login, "" before it. `expires`: seconds since 1970."""

    who: str
    nonce: str
    expires: int


class Sessions:
    """Makes and reads cookies for one `ops_token`. `now`: aware UTC."""

    def __init__(self, ops_token: str, now: Callable[[], datetime]) -> None:
        self._ops_token = ops_token.encode()
        self._key = hmac.digest(self._ops_token, b"bridge console session", hashlib.sha256)
        self.now = now

    def knows(self, token: str) -> bool:
        """Whether this is `ops_token`; in constant time, whatever its length."""
        given, wanted = (hmac.digest(self._key, text, "sha256") for text in (token.encode(), self._ops_token))
        return hmac.compare_digest(given, wanted)

    def begin(self, who: str) -> Session:
        """A new session, with a nonce of its own."""
        expires = int((self.now() + LIFETIME).timestamp())
        return Session(who=who, nonce=secrets.token_urlsafe(16), expires=expires)

    def seal(self, session: Session) -> str:
        """The session as a cookie's value."""
        told = json.dumps([session.who, session.nonce, session.expires]).encode()
        return f"{_text(told)}.{_text(self._sign(b'cookie', told))}"

    def open(self, cookie: str) -> Session | None:
        """The session of a cookie that we sealed and that has not expired, else None."""
        told, _, signature = cookie.partition(".")
        try:
            content, given = _bytes(told), _bytes(signature)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(given, self._sign(b"cookie", content)):
            return None
        session = Session(*json.loads(content))
        return session if session.expires > self.now().timestamp() else None

    def csrf(self, session: Session) -> str:
        """What every form of this session must send back."""
        return _text(self._sign(b"form", session.nonce.encode()))

    def is_csrf(self, session: Session, token: str) -> bool:
        """Whether a form came from one of this session's own pages."""
        return hmac.compare_digest(self.csrf(session).encode(), token.encode())

    def _sign(self, use: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, use + b":" + content, hashlib.sha256)


def operator_name(given: str) -> str:
    """The name an operator gives, fit for the record; "operator" where none is given."""
    name = " ".join("".join(c if c.isprintable() else " " for c in given).split())
    return name[:NAME_LENGTH].strip() or DEFAULT_NAME


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
