"""What one process counted, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge.sources.registry import REGISTRY

OTHER: Final = "other"
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)


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
