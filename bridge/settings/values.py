"""What tables and single settings may look like. Each check says in its message how to mend the value."""

from __future__ import annotations

import base64
import json
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr, StringConstraints
from pydantic_settings import NoDecode

from bridge.sources.registry import REGISTRY
from bridge.valkey.pools import open_pool

PLACEHOLDERS = frozenset({"…", "..."})
"""What the example file has where a secret belongs; running with one would let anybody sign."""


class Table(BaseModel):
    """A table of the file: unknown keys are errors, nothing changes, no value shows in an error. What is
    written below a key describes it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.strip():
        raise ValueError("is empty; fill it in or leave the key out")
    if text in PLACEHOLDERS:
        raise ValueError("is still the placeholder of the example; fill it in")
    if text != text.strip():
        raise ValueError("begins or ends with white space; remove it")
    return value


def _secret_list(value: object) -> object:
    """A variable holds a JSON list, or one secret as it stands.

    Never a comma separated list: the secrets that WooCommerce generates hold commas.
    https://developer.wordpress.org/reference/functions/wp_generate_password/
    """
    if not isinstance(value, str):
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return [value]
    return decoded if isinstance(decoded, list) else [value]


def _at_least_one(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not secrets:
        raise ValueError("at least one secret is needed")
    return secrets


def shown(value: object) -> str:
    """A mistyped word, quoted; nothing that might be a secret pasted into the wrong place."""
    return f'"{value}"' if re.fullmatch(r"[\w-]{1,20}", str(value)) else "this value"


def _platform(name: str) -> str:
    if name not in REGISTRY:
        raise ValueError(f"{shown(name)} is none of {', '.join(sorted(REGISTRY))}")
    return name


def _ascii(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not text.strip():
        raise ValueError(
            "must be printable ASCII: it goes into a header of each request; use an e-mail address"
        )
    return text.strip()


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("is not an address like https://example.com")
    return url.rstrip("/")


def _redis_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if urlsplit(text).scheme not in ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"):
        raise ValueError("must begin with redis://, rediss:// (TLS), redis+sentinel:// or unix://")
    open_pool(text)  # it connects only when it is used; what is wrong with the URL is said at once
    return url


def _sentry_dsn(dsn: SecretStr) -> SecretStr:
    parts = urlsplit(dsn.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.username or not parts.path.strip("/"):
        raise ValueError("is not a Sentry DSN like https://key@host/project")
    return dsn


def _webhook_secret(secret: SecretStr) -> SecretStr:
    """https://github.com/standard-webhooks/standard-webhooks: base64 of 24 to 64 random bytes."""
    prefix, mark, encoded = secret.get_secret_value().partition("whsec_")
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except ValueError:
        size = 0
    if prefix or not mark or not 24 <= size <= 64:
        raise ValueError("must be whsec_ and the base64 of 24 to 64 random bytes")
    return secret


def _smtp_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    try:
        parts.port  # noqa: B018 - reading it is the check
    except ValueError as exc:
        raise ValueError("its port is not a number; write ports like smtp://user:password@host:587") from exc
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("is not an address like smtp://user:password@host:587, or smtps://… for TLS at once")
    return url


def _mailboxes(text: str) -> str:
    boxes = [box.strip() for box in text.split(",")]
    if not all(re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", box) for box in boxes):
        raise ValueError("is not an e-mail address, or several with commas between them")
    return ", ".join(boxes)


def _template(text: str) -> str:
    try:
        text.format(number="", shop="", platform="")
    except (KeyError, IndexError, ValueError, AttributeError) as exc:
        raise ValueError("may only hold {number}, {shop} and {platform} between braces") from exc
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Secret = Annotated[SecretStr, AfterValidator(_secret)]
SecretList = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_secret_list)]
Secrets = Annotated[SecretList, AfterValidator(_at_least_one)]
RedisUrl = Annotated[Secret, AfterValidator(_redis_url)]
SentryDsn = Annotated[Secret, AfterValidator(_sentry_dsn)]
WebhookSecret = Annotated[Secret, AfterValidator(_webhook_secret)]
SmtpUrl = Annotated[Secret, AfterValidator(_smtp_url)]
Mailboxes = Annotated[str, AfterValidator(_mailboxes)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Contact = Annotated[str, AfterValidator(_ascii)]
Platform = Annotated[str, AfterValidator(_platform)]
ShopName = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,40}$")]
Template = Annotated[str, AfterValidator(_template)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
