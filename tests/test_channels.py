"""How an alert goes out: to web and mail servers of our own, over every kind of channel."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Letter
from email.policy import default
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from redis.asyncio import Redis

from bridge.alerts import channels
from bridge.alerts.channels import (
    AppriseChannel,
    Channel,
    EmailChannel,
    SentryChannel,
    Undelivered,
    WebhookChannel,
    channels_of,
)
from bridge.alerts.outbox import AlertOutbox, Kind, Message, current
from bridge.alerts.rules import Alert
from bridge.alerts.runbook import runbook
from bridge.errors import ConfigurationError
from bridge.reasons import because
from bridge.settings.loading import AlertSettings
from bridge.store.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ALERT = Alert(
    key="attention:abc",
    since=NOW - timedelta(hours=1),
    reason=because("alert_attention", count=2, why=because("currency_unknown", currency="XTS")),
    count=2,
    orders=("shopify:boutique:order:1", "shopify:boutique:order:2"),
)


def message(kind: Kind = "raised") -> Message:
    return Message(id=f"0f_{kind}", kind=kind, at=NOW, alert=ALERT)


def now() -> datetime:
    return datetime.now(UTC)


# --- a web server and a mail server of our own --------------------------------------------------------------


@dataclass(slots=True)
class Listener:
    """Keeps what is posted. `answers`: the statuses to come; then 204."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        status = self.answers.pop(0) if self.answers else 204
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\nconnection: close\r\n" % status)
        writer.write(b"location: /elsewhere\r\n\r\n")
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        yield found


@dataclass(slots=True)
class PostOffice:
    """The few commands of SMTP that a sender needs. `tls`: what STARTTLS is offered with."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    refuse: str = ""
    dialogue: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            self.dialogue.append(verb)
            self.encrypted.append(writer.get_extra_info("ssl_object") is not None)
            if self.refuse == verb:
                writer.write(b"550 no\r\n")
            elif verb == "EHLO":
                offered = b"AUTH PLAIN" if self.encrypted[-1] or not self.tls else b"STARTTLS"
                writer.write(b"250-here\r\n250 " + offered + b"\r\n")
            elif verb == "STARTTLS" and self.tls:
                writer.write(b"220 go\r\n")
                await writer.start_tls(self.tls)
            elif verb == "AUTH":
                writer.write(b"235 welcome\r\n")
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 fine\r\n")
        writer.close()

    def letter(self) -> Letter:
        (raw,) = self.letters
        return message_from_bytes(raw, policy=default)


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    found = PostOffice()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


# --- the webhook --------------------------------------------------------------------------------------------


def verified(headers: dict[str, str], body: bytes, key: bytes = KEY) -> dict[str, Any]:
    """As a receiver would, from the words of the specification."""
    assert abs(int(headers["webhook-timestamp"]) - now().timestamp()) < 300
    assert "." not in headers["webhook-id"]
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{wanted}" in headers["webhook-signature"].split(" ")
    data: dict[str, Any] = json.loads(body)
    return data


def test_the_signature_is_that_of_the_specifications_libraries() -> None:
    # The vector of the reference implementations' own tests (libraries/ of standard-webhooks).
    signature = channels.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_the_webhook_is_signed_and_says_everything(listener: Listener, http: httpx.AsyncClient) -> None:
    await WebhookChannel(http, listener.url, SECRET, now).send(message())
    ((headers, body),) = listener.got
    said = verified(headers, body)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "0f_raised"
    assert said["type"] == "alert.raised"
    assert said["timestamp"] == "2026-11-22T12:00:00+00:00"
    assert said["data"] == ALERT.as_dict()
    assert said["data"]["severity"] == "warning"
    assert said["data"]["runbook"] == "docs/runbook.md#attention"
    assert said["data"]["orders"] == ["shopify:boutique:order:1", "shopify:boutique:order:2"]


async def test_the_end_is_a_type_of_its_own(listener: Listener, http: httpx.AsyncClient) -> None:
    await WebhookChannel(http, listener.url, SECRET, now).send(message("resolved"))
    assert verified(*listener.got[0])["type"] == "alert.resolved"


@pytest.mark.parametrize(("status", "final"), [(302, False), (404, False), (410, True), (500, False)])
async def test_anything_but_2xx_is_not_delivered(
    listener: Listener, http: httpx.AsyncClient, status: int, final: bool
) -> None:
    listener.answers = [status]
    with pytest.raises(Undelivered) as failure:
        await WebhookChannel(http, listener.url, SECRET, now).send(message())
    assert failure.value.final is final
    assert len(listener.got) == 1


async def test_nobody_there_is_not_delivered(http: httpx.AsyncClient) -> None:
    with pytest.raises(Undelivered, match="cannot be reached"):
        await WebhookChannel(http, "http://127.0.0.1:9/hook", SECRET, now).send(message())


# --- the e-mail ---------------------------------------------------------------------------------------------


async def test_the_letter_says_what_happened_and_what_to_do(post_office: PostOffice) -> None:
    channel = EmailChannel(
        f"smtp://127.0.0.1:{post_office.port}", "a@example.com, b@example.com", "bridge@example.com"
    )
    await channel.send(message())
    letter = post_office.letter()
    assert letter["To"] == "a@example.com, b@example.com"
    assert letter["From"] == "bridge@example.com"
    assert letter["Subject"] == "[bridge] raised: attention"
    assert letter["Message-ID"] == "<0f_raised@facturation-bridge.invalid>"
    text = cast("str", letter.get_content()).replace("\r", "")  # type: ignore[attr-defined]
    assert text.startswith("raised: 2 orders ask for a person: Facturation.pro does not know the currency")
    assert "Orders (2 of 2):\n  shopify:boutique:order:1\n" in text
    assert ALERT.entry().cure in text
    assert "Runbook: docs/runbook.md#attention" in text
    assert post_office.dialogue.count("RCPT") == 2


async def test_the_mail_server_that_refuses_is_not_delivered(post_office: PostOffice) -> None:
    post_office.refuse = "RCPT"
    with pytest.raises(Undelivered, match="did not take it"):
        await EmailChannel(f"smtp://127.0.0.1:{post_office.port}", "a@example.com", "b@example.com").send(
            message()
        )


async def test_a_password_never_goes_over_an_open_line(post_office: PostOffice) -> None:
    url = f"smtp://user:secret@127.0.0.1:{post_office.port}"
    with pytest.raises(Undelivered, match="STARTTLS"):
        await EmailChannel(url, "a@example.com", "b@example.com").send(message())
    assert "AUTH" not in post_office.dialogue
    assert not post_office.letters


async def test_with_starttls_password_and_letter_are_encrypted(
    post_office: PostOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    await asyncio.to_thread(
        subprocess.run, ["openssl", "req", "-x509", *made, *subject], check=True, capture_output=True
    )
    post_office.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    post_office.tls.load_cert_chain(certificate, key)
    url = f"smtp://user:secr%40t@localhost:{post_office.port}"
    channel = EmailChannel(url, "a@example.com", "b@example.com")
    with pytest.raises(Undelivered, match="SSLCertVerificationError"):
        await channel.send(message())
    post_office.dialogue.clear()
    post_office.encrypted.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await channel.send(message())
    encrypted = dict(zip(post_office.dialogue, post_office.encrypted, strict=True))
    assert encrypted["AUTH"] is encrypted["MAIL"] is encrypted["DATA"] is True
    assert post_office.letter()["To"] == "a@example.com"


# --- Apprise ------------------------------------------------------------------------------------------------


def channel_of(url: str, lang: str = "en") -> Channel:
    settings = AlertSettings.model_validate({"urls": [url], "language": lang})
    (channel,) = channels_of(settings, cast("httpx.AsyncClient", None), now, sentry=False)
    return channel


async def test_a_service_of_apprise_gets_the_letter(listener: Listener) -> None:
    await channel_of(listener.url.replace("http:", "json:")).send(message())
    ((_, body),) = listener.got
    said = json.loads(body)
    assert said["title"] == "[bridge] raised: attention"
    assert said["message"].startswith("raised: 2 orders ask for a person: Facturation.pro does not know")
    assert f"Cure: {ALERT.entry().cure}" in said["message"]
    assert "Orders (2 of 2):\n  shopify:boutique:order:1\n" in said["message"]
    assert said["type"] == "warning"


async def test_what_is_sent_out_is_in_the_language_that_was_set(
    listener: Listener, http: httpx.AsyncClient
) -> None:
    channel = channel_of(listener.url.replace("http:", "json:"), "fr")
    await channel.send(message())
    await channel.send(message("resolved"))
    first, over = (json.loads(body) for _, body in listener.got)
    assert first["title"] == "[bridge] alerte : Des commandes sont à traiter"
    assert first["message"].startswith("alerte : 2 commandes à traiter : Facturation.pro ne connaît pas")
    assert f"Que faire : {runbook('fr')['attention'].cure}" in first["message"]
    assert over["message"].startswith("fin d’alerte : 2 commandes à traiter")
    assert over["type"] == "success"
    await WebhookChannel(http, listener.url, SECRET, now, "fr").send(message())
    assert verified(*listener.got[-1])["data"] == ALERT.as_dict("fr")


async def test_apprise_takes_its_letters_to_a_mail_server_too(post_office: PostOffice) -> None:
    url = f"mailto://127.0.0.1:{post_office.port}/?from=bridge@example.com&to=a@example.com"
    await channel_of(url).send(message("resolved"))
    letter = post_office.letter()
    assert letter["Subject"] == "[bridge] resolved: attention"
    assert "a@example.com" in letter["To"]


@pytest.mark.parametrize(("path", "words"), [("hook", "error=500"), ("nowhere", "nnection")])
async def test_what_a_service_does_not_take_is_not_delivered(
    listener: Listener, path: str, words: str
) -> None:
    listener.answers = [500]
    url = listener.url if path == "hook" else "http://127.0.0.1:9/hook"
    with pytest.raises(Undelivered, match=words):
        await channel_of(url.replace("http:", "json:")).send(message())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nothing://of-that-kind", "entry 1"),
        ("slack://too-short", "entry 1"),
        ("json://user:hush-hush@ops.example.com/", "not encrypted"),
        ("mailto://user:hush-hush@mail.example.com", "not encrypted"),
        ("mailtos://user:hush-hush@mail.example.com?mode=insecure", "not encrypted"),
    ],
)
def test_a_url_that_would_fail_or_show_its_password_is_refused_at_the_start(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        channel_of(url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "jsons://user:hush-hush@ops.example.com/",
        "mailtos://user:hush-hush@mail.example.com",
        "mailto://user:hush-hush@gmail.com",  # Apprise knows that this one speaks TLS
    ],
)
def test_a_password_on_an_encrypted_line_is_taken(url: str) -> None:
    channel = channel_of(url)
    assert "hush" not in repr(channel)
    assert channel.name.split("-")[0] == url.partition(":")[0]
    assert (channel_of(url).name, channel_of(url + "?to=b@example.com").name == channel.name) == (
        channel.name,
        False,
    )


def test_apprise_is_loaded_by_those_only_who_have_such_a_url() -> None:
    script = "import sys, bridge.runtime.wiring; sys.exit('apprise' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_channels_are_those_that_are_configured() -> None:
    http = cast("httpx.AsyncClient", None)
    assert channels_of(AlertSettings(), http, now, sentry=False) == ()
    settings = AlertSettings.model_validate(
        {
            "webhook_url": "https://ops.example.com/hook",
            "webhook_secret": SECRET,
            "email_to": "a@example.com,b@example.com",
            "smtp_url": "smtp://mail.example.com",
            "urls": ["ntfys://ntfy.example.com/alerts"],
        }
    )
    sentry, webhook, email, ntfy = channels_of(settings, http, now, sentry=True)
    assert isinstance(sentry, SentryChannel)
    assert isinstance(webhook, WebhookChannel)
    assert isinstance(email, EmailChannel)
    assert email.sender == "a@example.com"
    assert isinstance(ntfy, AppriseChannel)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"webhook_url": "https://x.example"}, "go together"),
        ({"email_to": "a@example.com"}, "go together"),
        ({"webhook_url": "https://x.example", "webhook_secret": "whsec_c2hvcnQ="}, "24 to 64"),
        ({"webhook_url": "https://x.example", "webhook_secret": "secret"}, "24 to 64"),
        ({"email_to": "Durand", "smtp_url": "smtp://x"}, "e-mail address"),
        ({"email_to": "a@b", "smtp_url": "http://x"}, "smtp://"),
        ({"email_to": "a@b", "smtp_url": "smtp://x:mail"}, "port"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AlertSettings.model_validate(given)


# --- the command --------------------------------------------------------------------------------------------

CONFIGURATION = """
redis_url = "{redis}"

[facturation]
firm_id = 1
api_id = "4242"
api_key = "sandbox-key"
contact = "ops@example.com"

[shops.boutique]
platform = "shopify"
secrets = ["a-secret-of-some-length"]
{alerts}
"""


async def command(tmp_path: Path, redis_url: str, alerts: str, *words: str) -> tuple[int, str]:
    """`bridge alerts …` in a process of its own."""
    configuration = tmp_path / "bridge.toml"
    configuration.write_text(CONFIGURATION.format(redis=redis_url, alerts=alerts))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from bridge.cli.main import main; main()",
        "alerts",
        *words,
        env={"BRIDGE_CONFIG": str(configuration), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_bridge_alerts_lists_what_stands(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    store = Store(redis, retention=timedelta(days=90))
    book = AlertOutbox(store)
    await book.acquire_leadership("a test", timedelta(seconds=30))
    await book.publish("a test", [ALERT], [])
    status, said = await command(tmp_path, redis_url, "", "--json")
    assert status == 0
    assert json.loads(said) == [alert.as_dict() for alert in await current(store)]
    status, said = await command(tmp_path, redis_url, "")
    assert "2 orders ask for a person: Facturation.pro does not know the currency 'XTS'" in said
    assert "shopify:boutique:order:1" in said
    assert "Cure: " in said
    assert "Runbook: docs/runbook.md#attention" in said


async def test_bridge_alerts_test_tries_every_channel(
    redis: Redis, redis_url: str, tmp_path: Path, listener: Listener, post_office: PostOffice
) -> None:
    alerts = f"""
[alerts]
webhook_url = "{listener.url}"
webhook_secret = "{SECRET}"
email_to = "ops@example.com"
smtp_url = "smtp://127.0.0.1:{post_office.port}"
urls = ["{listener.url.replace("http:", "json:")}"]
"""
    listener.answers = [500]
    status, said = await command(tmp_path, redis_url, alerts, "test")
    assert status == 1
    assert re.fullmatch(
        r"webhook: failed: the webhook's receiver answered 500\nemail: sent\njson-[0-9a-f]{6}: sent\n", said
    )
    assert verified(*listener.got[0])["data"]["name"] == "test"
    assert json.loads(listener.got[1][1])["title"] == "[bridge] test: test"
    assert post_office.letter()["Subject"] == "[bridge] test: test"

    status, said = await command(tmp_path, redis_url, "", "test")
    assert status == 1
    assert "Nobody would be told" in said
