"""How a platform gives a key that lasts for hours, to who holds an id and a secret.

A platform that does so has a module with the members of `Grant`, which its `GRANT` names. It is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A POST of a form."""

    url: str
    form: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What opens the API, for so long from now on."""

    value: str = field(repr=False)
    lasts: timedelta


class Grant(Protocol):
    """The members of such a module."""

    def token_request(self, client_id: str, client_secret: str, base_url: str) -> TokenRequest:
        """How a token is asked for. Raises NeedsPerson where `base_url` is needed and "" ."""
        ...

    def read_token(self, body: bytes) -> Token:
        """The answer. Raises UnreadableBody."""
        ...
