"""What the bridge tells about itself: logs, error reports and metrics.

An error in the log is also a report to Sentry, where one is configured; `capture` is for what is not logged
as an error. Both are redacted (`redaction.py`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TextIO

import sentry_sdk
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.modules import ModulesIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration

from bridge.sources.registry import REGISTRY
from bridge.telemetry.redaction import Redactor

QUIET: Final = ("arq", "httpcore", "httpx", "uvicorn")
"""Libraries that have nothing to say below a warning."""
OTHER: Final = "other"
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)


def configure_logging(level: str, stream: TextIO, secrets: Iterable[str] = ()) -> None:
    """All logs of this process to `stream`, the libraries' too: colours on a terminal, else JSON lines."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Redactor(secrets).log_entry,
    ]
    render: structlog.typing.Processor
    if stream.isatty():
        render = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        render = structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    for earlier in list(root.handlers):
        if isinstance(earlier.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def configure_sentry(
    dsn: str | None, environment: str, release: str, role: str, secrets: Iterable[str] = ()
) -> None:
    """Reports errors of this process to Sentry; does nothing without a `dsn`.

    Nothing of a request, no local variable and no command line leaves; texts are redacted as in the log.
    """
    if not dsn:
        return
    redactor = Redactor(secrets)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        # Personal data are off unless asked for; naming send_default_pii=False is deprecated.
        max_request_body_size="never",
        include_local_variables=False,
        default_integrations=False,  # the default ones add the command line and every outgoing request
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda pending, timeout: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ModulesIntegration(),
            ThreadingIntegration(),
        ],
        before_send=redactor.sentry_event,
        before_breadcrumb=lambda crumb, hint: redactor.mapping(crumb),
    )
    sentry_sdk.get_global_scope().set_tag("role", role)


def capture(
    what: BaseException | str,
    *,
    shop: str = "",
    platform: str = "",
    order_key: str = "",
    fingerprint: str = "",
    level: Literal["error", "info"] = "error",
) -> None:
    """Reports one problem to Sentry, grouped by its cause: a thousand orders with one cause are one issue.

    `fingerprint` names the cause. Without it an exception is grouped by where it was raised, a text by itself
    with its numbers left out. `level`: of a text.
    """
    with sentry_sdk.new_scope() as scope:
        for tag, value in (("shop", shop), ("platform", platform), ("order_key", order_key)):
            if value:
                scope.set_tag(tag, value)
        if fingerprint:
            scope.fingerprint = [fingerprint]
        elif isinstance(what, str) or what.__traceback__ is None:
            scope.fingerprint = [type(what).__name__, re.sub(r"\d+", "#", str(what))]
        if isinstance(what, str):
            sentry_sdk.capture_message(what, level=level)
        else:
            sentry_sdk.capture_exception(what)


class Metrics:
    """What one process counted, for Prometheus. Labels come from closed sets.

    Gauges are set by whoever answers a scrape (`observe_state`), just before `render`.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._events = Counter(
            "bridge_events", "Webhooks received.", ["platform", "topic", "outcome"], registry=registry
        )
        self._syncs = Counter(
            "bridge_sync", "Orders brought up to date, by how it ended.", ["outcome"], registry=registry
        )
        self._api_calls = Counter(
            "bridge_api_calls",
            "Requests to Facturation.pro.",
            ["method", "endpoint", "outcome"],
            registry=registry,
        )
        self._api_seconds = Histogram(
            "bridge_api_seconds", "One request to Facturation.pro.", buckets=_SLOW[:9], registry=registry
        )
        self._workers = Gauge("bridge_workers", "Workers alive.", registry=registry)
        self._ack_seconds = Histogram(
            "bridge_ack_seconds", "From a webhook's arrival to our answer.", buckets=_FAST, registry=registry
        )
        self._sync_seconds = Histogram(
            "bridge_sync_seconds", "One run over one order.", buckets=_SLOW[:11], registry=registry
        )
        self._ack_to_invoice_seconds = Histogram(
            "bridge_ack_to_invoice_seconds",
            "From an order's first stored webhook to its invoice.",
            buckets=_SLOW,
            registry=registry,
        )
        self._backlog = Gauge("bridge_backlog", "Orders that are due.", registry=registry)
        self._oldest_waiting_seconds = Gauge(
            "bridge_oldest_waiting_seconds", "Age of the order that has been due longest.", registry=registry
        )
        self._attention = Gauge("bridge_attention", "Orders that ask for a person.", registry=registry)
        self._orders = Gauge("bridge_orders", "Orders, by their state now.", ["state"], registry=registry)
        self._quota_left = Gauge(
            "bridge_quota_left",
            "Requests to Facturation.pro left in each window.",
            ["window"],
            registry=registry,
        )

    def received(self, platform: str, topic: str, outcome: str, seconds: float) -> None:
        """One webhook answered. A topic that its platform's source does not name counts as `other`."""
        source = REGISTRY.get(platform)
        known = source is not None and (topic in source.HANDLED or topic in source.IGNORED)
        self._events.labels(platform if source else OTHER, topic if known else OTHER, outcome).inc()
        self._ack_seconds.observe(seconds)

    def synced(
        self, outcome: str, *, seconds: float | None = None, ack_to_invoice: float | None = None
    ) -> None:
        """One run over one order, how it ended and how long it took.

        `ack_to_invoice`: seconds from the order's first stored webhook, when this run made its invoice.
        """
        self._syncs.labels(outcome).inc()
        if seconds is not None:
            self._sync_seconds.observe(seconds)
        if ack_to_invoice is not None:
            self._ack_to_invoice_seconds.observe(ack_to_invoice)

    def api_call(self, method: str, path: str, outcome: str, seconds: float) -> None:
        """One request. `path`: its template, never with an id in it. `outcome`: the status, or the error."""
        self._api_calls.labels(method, path, outcome).inc()
        self._api_seconds.observe(seconds)

    def observe_state(
        self,
        *,
        backlog: int,
        oldest_waiting_seconds: float,
        attention: int,
        workers: int,
        quota_left: Mapping[str, int],
        orders: Mapping[str, int],
    ) -> None:
        """What all processes share, as found for this scrape. `quota_left`: by window; `orders`: by state."""
        self._backlog.set(backlog)
        self._oldest_waiting_seconds.set(oldest_waiting_seconds)
        self._attention.set(attention)
        self._workers.set(workers)
        for state, count in orders.items():
            self._orders.labels(state).set(count)
        for window, left in quota_left.items():
            self._quota_left.labels(window).set(left)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
