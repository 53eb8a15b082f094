"""RefundEvidence once and at last: judging on a real Valkey, delivery to servers of our own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
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
    Channel,
    EmailChannel,
    SentryChannel,
    Undelivered,
    WebhookChannel,
    channels_of,
)
from bridge.alerts.notifier import RETRY_AFTER, Notifier
from bridge.alerts.outbox import AlertOutbox, Kind, Message, current
from bridge.alerts.rules import Alert
from bridge.alerts.runbook import REFUSED
from bridge.alerts.signatures import RejectedSignatures
from bridge.errors import StoreUnavailable
from bridge.facturation.quota import Quota
from bridge.receive import ShopEndpoint, Webhooks, create_app
from bridge.settings.loading import AlertSettings
from bridge.sources.base import ForOrder
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store
from bridge.store.values import Lease, Outcome

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ALERT = Alert(
    name="attention",
    key="attention:abc",
    since=NOW - timedelta(hours=1),
    text="2 orders ask for a person: it has no lines: make the invoice by hand",
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
    assert text.startswith("raised: 2 orders ask for a person: it has no lines")
    assert "Orders (2 of 2):\n  shopify:boutique:order:1\n" in text
    assert ALERT.meaning.cure in text
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


def test_the_channels_are_those_that_are_configured() -> None:
    http = cast("httpx.AsyncClient", None)
    assert channels_of(AlertSettings(), http, now, sentry=False) == ()
    settings = AlertSettings.model_validate(
        {
            "webhook_url": "https://ops.example.com/hook",
            "webhook_secret": SECRET,
            "email_to": "a@example.com,b@example.com",
            "smtp_url": "smtp://mail.example.com",
        }
    )
    sentry, webhook, email = channels_of(settings, http, now, sentry=True)
    assert isinstance(sentry, SentryChannel)
    assert isinstance(webhook, WebhookChannel)
    assert isinstance(email, EmailChannel)
    assert email.sender == "a@example.com"


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


# --- judging together ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Ear:
    """A channel that keeps what it is told. `deaf`: so often it does not hear."""

    deaf: int = 0
    heard: list[Message] = field(default_factory=list)
    name: str = "ear"

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        if self.deaf:
            self.deaf -= 1
            raise Undelivered("deaf")
        self.heard.append(message)

    def kinds(self) -> list[tuple[str, str]]:
        return [(message.alert.name, message.kind) for message in self.heard]


@pytest.fixture
async def store(redis: Redis) -> Store:
    store = Store(redis, retention=timedelta(days=90))
    await store.open()
    await store.sweep("worker:1")
    return store


def herald_of(store: Store, *channels: Channel, shops: tuple[str, ...] = ("boutique",)) -> Notifier:
    quota = Quota(store.redis, firm_id=1)
    return Notifier(AlertOutbox(store), quota, RejectedSignatures(), channels, shops, now)


async def ask_for_a_person(store: Store, number: int, reason: str) -> str:
    """An order that was taken and came to ask for attention. Returns its key."""
    key = f"shopify:boutique:order:{number}"
    identity = ForOrder(event_id=f"orders/paid:{number}", topic="orders/paid", order_key=key)
    await store.record("boutique", "shopify", identity, {}, b"{}")
    lease = Lease(order_key=key, token=uuid.uuid4().hex)
    view = await store.take(lease)
    assert view
    assert await store.release(lease, view, Outcome.ATTENTION, reason, keep={"number": f"#{number}"}) is None
    return key


async def settle(store: Store, key: str) -> None:
    """A person ignored the order."""
    await store.redis.zrem("bridge:attention", key)


async def judge_anew(notifier: Notifier, store: Store) -> None:
    await store.redis.delete("bridge:alerts:judge")
    await notifier.step()


async def expire_absences(store: Store) -> None:
    """As though what is missing had been so for a minute."""
    redis: Any = store.redis
    for key, value in (await redis.hgetall("bridge:alerts")).items():
        token, since, gone, said = value.split(b" ", 3)
        if gone != b"0":
            earlier = str(int(gone) - 60_000).encode()
            await redis.hset("bridge:alerts", key, b" ".join([token, since, earlier, said]))


async def test_a_cause_is_told_once_and_its_end_once(store: Store) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    keys = [await ask_for_a_person(store, n, f"order #{n}: it has no lines: make it by hand") for n in (1, 2)]
    await judge_anew(notifier, store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]
    (alert,) = await current(store)
    assert alert == ear.heard[0].alert
    assert alert.count == 2
    assert set(alert.orders) == set(keys)

    await ask_for_a_person(store, 3, "order #3: it has no lines: make it by hand")
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]
    (grown,) = await current(store)
    assert (grown.count, grown.since, grown.key) == (3, alert.since, alert.key)

    for key in (*keys, "shopify:boutique:order:3"):
        await settle(store, key)
    for _ in range(2):
        await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")], "missing for a moment may be chance"
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised"), ("attention", "resolved")]
    assert ear.heard[1].alert.key == alert.key
    assert await current(store) == ()
    await judge_anew(notifier, store)
    assert len(ear.heard) == 2


async def test_what_was_missing_only_once_is_not_over(store: Store) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    key = await ask_for_a_person(store, 1, "it has no lines")
    await judge_anew(notifier, store)
    await settle(store, key)
    await judge_anew(notifier, store)
    await store.redis.zadd("bridge:attention", {key: 1})
    await judge_anew(notifier, store)
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]


async def test_many_judges_at_the_same_time_say_it_once(store: Store) -> None:
    ear = Ear()
    heralds = [replace(herald_of(store, ear)) for _ in range(12)]
    keys = [
        await ask_for_a_person(store, n, reason) for n, reason in enumerate(("it is a", "it is b", "it is c"))
    ]

    async def all_at_once() -> None:
        for _ in range(5):  # each turn another one becomes the judge
            await store.redis.delete("bridge:alerts:judge")
            await asyncio.gather(*(notifier.step() for notifier in heralds))

    await all_at_once()
    assert ear.kinds() == [("attention", "raised")] * 3
    assert len({message.id for message in ear.heard}) == 3
    for key in keys:
        await settle(store, key)
    await all_at_once()
    await expire_absences(store)
    await all_at_once()
    assert sorted(ear.kinds()) == [("attention", "raised")] * 3 + [("attention", "resolved")] * 3


async def test_one_judge_in_each_half_minute(store: Store) -> None:
    book = AlertOutbox(store)
    turns = [await book.acquire_leadership(str(n), timedelta(seconds=30)) for n in range(5)]
    assert turns == [True, False, False, False, False]
    assert await book.publish("1", [ALERT], ["ear"]) is None, "a judge whose term is over says nothing"
    assert await current(store) == ()
    assert await book.publish("0", [ALERT], ["ear"]) == ((ALERT.key,), ())
    assert await current(store) == (ALERT,)


async def test_what_a_dead_process_did_not_say_is_said_by_another(store: Store, redis: Redis) -> None:
    book, ear = AlertOutbox(store), Ear()
    await book.acquire_leadership("dead", timedelta(seconds=30))
    await book.publish("dead", [ALERT], ["ear"])
    (delivery,) = await book.deliveries()  # and here it dies
    await herald_of(store, ear).step()
    assert ear.heard == []
    await make_due(redis)
    await herald_of(store, ear).step()
    assert [message.id for message in ear.heard] == [delivery.message.id]
    assert ear.heard[0].alert == ALERT


async def make_due(redis: Any) -> None:
    """As though the time of every delivery had come."""
    for key, value in (await redis.hgetall("bridge:alerts:errands")).items():
        await redis.hset("bridge:alerts:errands", key, b"0 " + value.split(b" ", 1)[1])


async def test_what_is_not_delivered_is_tried_again_and_given_up_at_last(store: Store, redis: Redis) -> None:
    stubborn, deaf = Ear(deaf=2, name="stubborn"), Ear(deaf=99, name="deaf")
    notifier = herald_of(store, stubborn, deaf)
    await ask_for_a_person(store, 1, "it has no lines")
    await judge_anew(notifier, store)
    for _ in range(20):
        assert not stubborn.heard or len(stubborn.heard) == 1
        await make_due(redis)
        await notifier.step()
    assert stubborn.kinds() == [("attention", "raised")]
    assert 99 - deaf.deaf == len(RETRY_AFTER) + 1
    assert await redis.hlen("bridge:alerts:errands") == 0  # type: ignore[misc]


async def test_a_failure_waits_before_it_is_tried_again(store: Store) -> None:
    ear = Ear(deaf=1)
    notifier = herald_of(store, ear)
    await ask_for_a_person(store, 1, "it has no lines")
    for _ in range(3):
        await judge_anew(notifier, store)
    assert ear.deaf == 0
    assert ear.heard == []


# --- what is seen -------------------------------------------------------------------------------------------


async def test_the_webs_doors_count_wrong_signatures_until_a_good_event(store: Store, redis: Redis) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    shop = ShopEndpoint("boutique", REGISTRY["shopify"], ("the-right-secret",))
    webhooks = Webhooks(
        {"boutique": shop},
        store,
        max_body_bytes=1000,
        now=now,
        observe=lambda *_: None,
        rejected=notifier.rejected,
    )
    app = create_app(webhooks)
    transport = httpx.ASGITransport(app=app)

    async def deliver(secret: str, topic: str = "orders/paid", body: bytes = b'{"id": 7}') -> int:
        signature = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
        headers = {
            "x-shopify-hmac-sha256": signature,
            "x-shopify-topic": topic,
            "x-shopify-webhook-id": topic,
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            return (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code

    for _ in range(REFUSED - 1):
        assert await deliver("wrong") == 401
    await judge_anew(notifier, store)
    assert ear.heard == []
    assert await deliver("wrong") == 401
    await judge_anew(notifier, store)
    assert ear.kinds() == [("signatures", "raised")]
    (alert,) = await current(store)
    assert (alert.shop, alert.count) == ("boutique", REFUSED)

    assert await deliver("the-right-secret") == 200
    await judge_anew(notifier, store)
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds()[-1] == ("signatures", "resolved")
    assert await deliver("wrong") == 401
    await notifier.step()
    assert await redis.hget("bridge:shop:boutique", "bad_signatures") == b"1"  # type: ignore[misc]


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
async def test_shopifys_compliance_topics_are_verified_kept_and_told(store: Store, topic: str) -> None:
    ear = Ear()
    door = ShopEndpoint("boutique", REGISTRY["shopify"], ("the-right-secret",))
    webhooks = Webhooks({"boutique": door}, store, max_body_bytes=9999, now=now, observe=lambda *_: None)
    body = json.dumps(
        {"shop_domain": "b.myshopify.com", "customer": {"email": "jeanne@example.com"}}
    ).encode()
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w-1", "content-type": "application/json"}
    transport = httpx.ASGITransport(app=create_app(webhooks))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        headers["x-shopify-hmac-sha256"] = base64.b64encode(b"x" * 32).decode()
        assert (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code == 401
        good = base64.b64encode(hmac.digest(b"the-right-secret", body, "sha256")).decode()
        headers["x-shopify-hmac-sha256"] = good
        assert (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code == 200
    await judge_anew(herald_of(store, ear), store)
    assert ear.kinds() == [("privacy", "raised")]
    due = (now() + timedelta(days=30)).strftime("%Y-%m-%d")
    assert ear.heard[0].alert.text == f"shop boutique: 1 request {topic} to be answered by {due}"
    assert "jeanne" not in json.dumps(channels.body_of(ear.heard[0]))


async def test_the_hours_of_a_shop_are_kept_for_weeks(store: Store, redis: Any) -> None:
    seconds, _ = await redis.time()
    hour = seconds // 3600
    for ago, count in ((0, 9), (1, 4), (3, 2), (190, 1)):
        await redis.hset(f"bridge:stats:{hour - ago}", "events:boutique", count)
    await redis.hset("bridge:shop:boutique", "last_event", seconds * 1000)
    await redis.hset("bridge:rhythm:boutique", mapping={str(hour - 700): 5, str(hour - 1009): 5})
    book, quota = AlertOutbox(store), Quota(redis, firm_id=1)
    wanted = {hour - 1: 4, hour - 3: 2, hour - 190: 1, hour - 700: 5}
    for _ in range(2):
        (pulse,) = (await book.look(quota, ("boutique",), silence=True)).pulses
        assert pulse.hours == wanted
        await redis.delete(f"bridge:stats:{hour - 1}", f"bridge:stats:{hour - 3}")


async def test_an_order_that_waits_for_its_shop_is_not_stuck(store: Store, redis: Redis) -> None:
    quota, book = Quota(redis, firm_id=1), AlertOutbox(store)

    async def leave(number: int, reason: str, after: float) -> str:
        key = f"shopify:boutique:order:{number}"
        identity = ForOrder(event_id=f"e{number}", topic="orders/paid", order_key=key)
        await store.record("boutique", "shopify", identity, {}, b"{}")
        lease = Lease(order_key=key, token="t")
        view = await store.take(lease)
        assert view
        await store.release(lease, view, Outcome.WAITING, reason, after=after, counted=True)
        return key

    await leave(1, "the payment has not come yet", 6 * 3600.0)
    assert (await book.look(quota, (), silence=True)).stuck is None
    failing = await leave(2, "no answer", 900.0)
    stuck = (await book.look(quota, (), silence=True)).stuck
    assert stuck
    assert (stuck.key, stuck.reason) == (failing, "no answer")


async def test_more_orders_than_a_page_are_all_seen(store: Store, redis: Redis) -> None:
    many = 1203
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(many):
            key = f"shopify:boutique:order:{number}"
            pipe.zadd("bridge:attention", {key: number})
            pipe.hset(
                f"bridge:order:{key}", mapping={"created": number, "reason": f"order {number}: no lines"}
            )
        await pipe.execute()
    ear = Ear()
    await judge_anew(herald_of(store, ear), store)
    (told,) = ear.heard
    assert told.alert.count == many


# --- the process --------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def test_at_work_it_tells_by_itself_and_survives_anything(store: Store) -> None:
    ear = Ear()
    broken = replace(herald_of(store, ear), tick=0.01, every=timedelta(milliseconds=500))
    judged = 0
    look = broken.book.look

    async def fail_first(*args: Any, **kwargs: Any) -> Any:
        nonlocal judged
        judged += 1
        if judged == 1:
            raise RuntimeError("a bug")
        return await look(*args, **kwargs)

    broken.book.look = fail_first  # type: ignore[method-assign]
    await ask_for_a_person(store, 1, "it has no lines")
    async with broken.at_work(), broken.at_work():
        await until(lambda: bool(ear.heard))
    assert ear.kinds() == [("attention", "raised")]


async def test_without_redis_each_process_tells_from_memory(store: Store) -> None:
    ear = Ear(deaf=1)
    notifier = replace(herald_of(store, ear), tick=0.01, redis_away=timedelta(milliseconds=50))
    deliveries, gone = notifier.book.deliveries, True

    async def away() -> Any:
        if gone:
            raise StoreUnavailable("away")
        return await deliveries()

    notifier.book.deliveries = away  # type: ignore[method-assign]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(notifier.at_work())
        await until(lambda: bool(ear.heard))
        gone = False
        await until(lambda: len(ear.heard) == 2)
    assert ear.kinds() == [("redis", "raised"), ("redis", "resolved")]


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


async def test_bridge_alerts_lists_what_stands(store: Store, redis_url: str, tmp_path: Path) -> None:
    await ask_for_a_person(store, 1, "it has no lines")
    await judge_anew(herald_of(store), store)
    status, said = await command(tmp_path, redis_url, "", "--json")
    assert status == 0
    assert json.loads(said) == [alert.as_dict() for alert in await current(store)]
    status, said = await command(tmp_path, redis_url, "")
    assert "1 order asks for a person: it has no lines" in said
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
"""
    listener.answers = [500]
    status, said = await command(tmp_path, redis_url, alerts, "test")
    assert (status, said) == (1, "webhook: failed: the webhook's receiver answered 500\nemail: sent\n")
    assert verified(*listener.got[0])["data"]["name"] == "test"
    assert post_office.letter()["Subject"] == "[bridge] test: test"

    status, said = await command(tmp_path, redis_url, "", "test")
    assert status == 1
    assert "Nobody would be told" in said
