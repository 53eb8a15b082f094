"""Logs, error reports and metrics: useful, and without anything personal or secret."""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import pytest
import sentry_sdk
import structlog
from pydantic import BaseModel

from bridge.alerts.channels import SentryChannel
from bridge.alerts.outbox import Kind, Message
from bridge.alerts.rules import Alert
from bridge.errors import NeedsPerson
from bridge.orders import Customer
from bridge.reasons import because
from bridge.telemetry.logs import configure_logging
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.redaction import Redactor, is_forbidden
from bridge.telemetry.sentry import capture, configure_sentry

SECRET = "shpss_0123456789"
WHO = "".join(("Du", "rand"))  # not in the source lines that a traceback quotes
PERSONAL = ("jeanne.durand@example.com", "jeanne.durand%40example.com", WHO, SECRET)


@pytest.fixture
def log_lines() -> Iterator[Any]:
    """Configures logging to a text and gives its entries; afterwards all is as before."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def entries(level: str = "info") -> Any:
        configure_logging(level, stream, [SECRET])
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    yield entries
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Name(BaseModel):
    last_name: int


def read_a_name() -> None:
    try:
        Name.model_validate({"last_name": WHO})
    except ValueError as exc:
        raise NeedsPerson(because("payload_not_understood")) from exc


def test_our_lines_are_json_with_step_and_order(log_lines: Any) -> None:
    lines = log_lines()
    structlog.contextvars.bind_contextvars(order_key="shopify:boutique:order:1")
    structlog.get_logger("bridge.sync.loop").info(
        "planned", step="plan", total=Decimal("12.50"), at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "planned",
        "level": "info",
        "logger": "bridge.sync.loop",
        "order_key": "shopify:boutique:order:1",
        "step": "plan",
        "total": "12.50",
        "at": "2026-01-02T00:00:00+00:00",
    }


def test_nothing_personal_or_secret_is_logged(log_lines: Any) -> None:
    lines = log_lines()
    log = structlog.get_logger("bridge.sync.loop")
    log.warning(
        f"refused for jeanne.durand@example.com with {SECRET}",
        order_key="shopify:boutique:customer:jeanne.durand@example.com",
        customer=Customer(last_name=WHO),
        billing={"lastName": WHO, "lines": [{"email": WHO, "quantity": 2}]},
        url="https://x.test/customers.json?email=jeanne.durand%40example.com",
        error=NeedsPerson(because("told", text="no answer for jeanne.durand@example.com")),
        body=WHO.encode(),
        **{"X-Api-Key": WHO},
    )
    logging.getLogger("somewhere").warning("mail to %s", "jeanne.durand@example.com")
    try:
        read_a_name()
    except NeedsPerson:
        log.exception("unexpected")
    written = json.dumps(lines())
    for personal in PERSONAL:
        assert personal not in written
    assert "NeedsPerson: payload_not_understood" in written
    assert '"quantity": 2' in written
    assert '"customer": "<Customer>"' in written


def test_libraries_speak_through_the_same_renderer_and_only_warn(log_lines: Any) -> None:
    lines = log_lines()
    for name in ("uvicorn.error", "arq.worker", "httpx"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")
    assert [(line["logger"], line["event"], line["level"]) for line in lines()] == [
        ("uvicorn.error", "trouble", "warning"),
        ("arq.worker", "trouble", "warning"),
        ("httpx", "trouble", "warning"),
    ]


def test_the_level_holds_for_ours_too_and_may_be_set_again(log_lines: Any) -> None:
    lines = log_lines("debug")
    lines = log_lines("error")
    log = structlog.get_logger("bridge.sync.loop")
    log.warning("not shown")
    log.error("shown")
    assert [line["event"] for line in lines()] == ["shown"]


def test_a_terminal_gets_readable_lines(log_lines: Any) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    log_lines()
    terminal = Terminal()
    configure_logging("info", terminal)
    try:
        read_a_name()
    except NeedsPerson:
        structlog.get_logger("bridge.sync.loop").exception("unexpected", order_key="shopify:b:order:1")
    shown = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert "[error    ] unexpected" in shown
    assert "order_key=shopify:b:order:1" in shown
    assert "NeedsPerson: payload_not_understood" in shown
    assert WHO not in shown


@pytest.mark.parametrize(
    "key",
    [
        "email",
        "billing_email",
        "firstName",
        "name",
        "IPAddress",
        "X-Api-Key",
        "api_key",
        "apikey",
        "platform_api_key",
        "Cookie",
        "body",
        "secrets",
        "Stripe-Signature",
        "authorization",
        "phone2",
        "ops_token",
    ],
)
def test_forbidden_keys(key: str) -> None:
    assert is_forbidden(key)


@pytest.mark.parametrize(
    "key", ["order_key", "event_id", "shop", "filename", "hostname", "topic", "event", "total"]
)
def test_allowed_keys(key: str) -> None:
    assert not is_forbidden(key)


def test_long_texts_are_cut_and_short_secrets_are_not_looked_for() -> None:
    redactor = Redactor(["a"])
    assert redactor.text("a cat") == "a cat"
    assert len(redactor.text("x" * 1_000_000)) < 30_000


class Sentry:
    """A Sentry server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.dsn = f"http://key@127.0.0.1:{self.server.server_port}/1"

    def events(self) -> list[dict[str, Any]]:
        sentry_sdk.flush(timeout=10)
        items = [line for body in self.received for line in body.split(b"\n") if line.startswith(b"{")]
        return [item for item in map(json.loads, items) if "event_id" in item and "platform" in item]


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    server = Sentry()
    thread = Thread(target=server.server.serve_forever)
    thread.start()
    with sentry_sdk.isolation_scope():
        yield server
    sentry_sdk.get_client().close(timeout=1)
    sentry_sdk.get_global_scope().set_client(None)
    server.server.shutdown()
    server.server.server_close()
    thread.join()


def test_without_a_dsn_nothing_happens() -> None:
    configure_sentry(None, "test", "1.0", "web")
    assert not sentry_sdk.get_client().is_active()
    capture("nobody hears this", order_key="shopify:boutique:order:1")


def test_a_report_says_what_happened_and_nothing_about_people(sentry: Sentry) -> None:
    configure_sentry(sentry.dsn, "test", "1.0", "worker", [SECRET])
    sentry_sdk.add_breadcrumb(message="for jeanne.durand@example.com", data={"name": WHO})
    sentry_sdk.set_extra("payload", WHO)
    try:
        customer = Customer(last_name=WHO, email="jeanne.durand@example.com")
        assert customer.last_name
        read_a_name()
    except NeedsPerson as exc:
        capture(exc, shop="boutique", platform="shopify", order_key="shopify:boutique:order:12")
    (event,) = sentry.events()
    assert event["exception"]["values"][-1]["type"] == "NeedsPerson"
    assert event["tags"] == {
        "role": "worker",
        "shop": "boutique",
        "platform": "shopify",
        "order_key": "shopify:boutique:order:12",
    }
    assert (event["environment"], event["release"]) == ("test", "1.0")
    assert "fingerprint" not in event
    # The lines of the source around each frame are code, not data; this test's own code names names.
    for value in event["exception"]["values"]:
        for frame in value["stacktrace"]["frames"]:
            assert "vars" not in frame
            for source in ("pre_context", "context_line", "post_context"):
                frame.pop(source, None)
    sent = json.dumps(event)
    assert "for [redacted]" in sent
    for personal in PERSONAL:
        assert personal not in sent
    assert "sys.argv" not in sent


def test_reports_are_grouped_by_cause_and_not_by_order(sentry: Sentry) -> None:
    configure_sentry(sentry.dsn, "test", "1.0", "worker")
    capture("order 12 is 0.01 off", order_key="shopify:boutique:order:12")
    capture("order 13 is 0.25 off", order_key="shopify:boutique:order:13")
    capture(NeedsPerson(because("no_end", order="14")))
    capture(NeedsPerson(because("no_end", order="15")))
    capture("anything", fingerprint="vat-mismatch")
    groups = [event["fingerprint"] for event in sentry.events()]
    assert groups[0] == groups[1] != groups[2]
    assert groups[2] == groups[3]
    assert groups[4] == ["vat-mismatch"]


async def test_an_alert_is_one_issue_and_its_end_an_information(sentry: Sentry) -> None:
    configure_sentry(sentry.dsn, "test", "1.0", "worker")
    at = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    for count, kind in ((1, "raised"), (2, "raised"), (2, "resolved")):
        alert = Alert(
            key="signatures:boutique",
            since=at,
            reason=because("alert_signatures", shop="boutique", count=count),
            shop="boutique",
        )
        said = Message(id=f"{count}_{kind}", kind=cast("Kind", kind), at=at, alert=alert)
        await SentryChannel().send(said)
    first, second, over = sentry.events()
    assert first["fingerprint"] == second["fingerprint"] == ["alert:signatures:boutique"]
    assert over["fingerprint"] == ["alert:signatures:boutique:resolved"]
    assert [event["level"] for event in (first, over)] == ["error", "info"]
    assert first["tags"]["shop"] == "boutique"
    assert "docs/runbook.md#signatures" in str(first)


def test_an_error_in_the_log_is_a_report(sentry: Sentry, log_lines: Any) -> None:
    log_lines()
    configure_sentry(sentry.dsn, "test", "1.0", "worker", [SECRET])
    log = structlog.get_logger("bridge.valkey.embedded")
    log.warning("no report")
    log.error("valkey died", exit_code=1, order_key="shopify:boutique:order:1", email=WHO)
    logging.getLogger("uvicorn.error").error("mail for %s", "jeanne.durand@example.com")
    ours, theirs = sentry.events()
    assert ours["logentry"]["message"] == "valkey died"
    assert ours["fingerprint"] == ["bridge.valkey.embedded", "valkey died"]
    assert ours["tags"]["order_key"] == "shopify:boutique:order:1"
    assert ours["extra"]["exit_code"] == 1
    for personal in PERSONAL:
        assert personal not in json.dumps([ours, theirs])


def samples(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_what_is_counted() -> None:
    metrics = Metrics()
    metrics.received("shopify", "orders/paid", "accepted", 0.004)
    metrics.synced("done", seconds=0.3, ack_to_invoice=0.5)
    metrics.api_call("POST", "/invoices.json", "201", 0.2)
    metrics.observe_state(
        backlog=3,
        oldest_waiting_seconds=12.5,
        attention=1,
        workers=2,
        quota_left={"day": 9999},
        orders={"open": 4},
    )
    found = samples(metrics)
    assert found['bridge_events_total{outcome="accepted",platform="shopify",topic="orders/paid"}'] == 1
    assert found['bridge_sync_total{outcome="done"}'] == 1
    assert found['bridge_api_calls_total{endpoint="/invoices.json",method="POST",outcome="201"}'] == 1
    assert found['bridge_ack_seconds_bucket{le="0.005"}'] == 1
    assert found['bridge_ack_seconds_bucket{le="0.0025"}'] == 0
    assert found["bridge_sync_seconds_sum"] == 0.3
    assert found["bridge_ack_to_invoice_seconds_sum"] == 0.5
    assert found["bridge_backlog"] == 3
    assert found["bridge_oldest_waiting_seconds"] == 12.5
    assert found["bridge_attention"] == 1
    assert found["bridge_workers"] == 2
    assert found['bridge_orders{state="open"}'] == 4
    assert found['bridge_quota_left{window="day"}'] == 9999


def test_strangers_make_no_new_series() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.received("shopify", f"made/up/{number}", "401", 0.001)
        metrics.received(f"platform{number}", "", "404", 0.001)
    series = [name for name in samples(metrics) if name.startswith("bridge_events_total")]
    assert series == [
        'bridge_events_total{outcome="401",platform="shopify",topic="other"}',
        'bridge_events_total{outcome="404",platform="other",topic="other"}',
    ]


def test_two_metrics_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.synced("done")
    assert not [name for name in samples(other) if name.startswith("bridge_sync_total")]
