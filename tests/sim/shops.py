"""The shops of the simulation: Shopify orders that go through the real source and the real billing.

A fixed pool of orders, so that what is pure (fold, drafts) is computed once and shared by all histories.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from bridge.billing.rules import PartialRefunds, Rules
from bridge.orders import Event, Folded
from bridge.sources import shopify
from bridge.sources.base import ForOrder, Source
from bridge.sync.shop import Shop
from tests.builders.shopify import as_body, item, shopify_order, shopify_refund

EPOCH = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
"""Virtual second 0."""
BOUTIQUE, GALERIE, ATELIER = "boutique", "galerie", "atelier"
"""The shops. The first two have their buyers in common; `atelier` does not match them by e-mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event that a shop sends about an order, `after` so many seconds of its placement."""

    shop: str
    body: bytes
    identity: ForOrder
    after: float

    def again(self, n: int) -> Message:
        """The same content under another event id, as a replay of the shop's list sends it."""
        delivery = f"replay-{n}-{self.identity.order_key}"
        return _message(self.shop, self.identity.topic, self.body, delivery, self.after, self.identity.links)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One order of the pool: what the shop sends of it, and what must come of it in Facturation.pro.

    `credits`: refund key → amount; `reversed`: the one among them that is the whole invoice.
    """

    key: str
    placed: float
    buyer: str
    by_email: bool
    total: Decimal
    credits: Mapping[str, Decimal]
    reversed: str
    messages: tuple[Message, ...]
    listed: Message


def _memoised() -> Source:
    """Shopify's real source; `fold`, which is pure, remembers."""
    known: dict[object, Folded] = {}

    def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
        content = (order_key, frozenset((event.topic, event.body) for event in events))
        if content not in known:
            known[content] = shopify.fold(shop, order_key, events)
        return known[content]

    source: Any = SimpleNamespace(**{**vars(shopify), "fold": fold})
    return source  # type: ignore[no-any-return]


def shops() -> dict[str, Shop]:
    """The shops, as syncing sees them."""
    source = _memoised()
    rules = Rules(partial_refunds=PartialRefunds.FINAL, refund_seconds=0)
    return {
        BOUTIQUE: Shop(BOUTIQUE, source, rules),
        GALERIE: Shop(GALERIE, source, rules),
        ATELIER: Shop(ATELIER, source, replace(rules, match_customers_by_email=False)),
    }


def _shop_of(n: int) -> str:
    if n // 3 % 4 == 3:
        return ATELIER
    return GALERIE if n % 3 == 2 and n // 3 % 2 else BOUTIQUE


@functools.cache
def pool() -> tuple[Sale, ...]:
    """All orders that may occur: neighbours share their buyer and come at nearly the same time."""
    refunds = ("none", "full", "part", "parts", "none", "part")
    return tuple(
        _sale(
            n,
            shop=_shop_of(n),
            buyer=n // 3 % 7,
            placed=float(20 * (n // 3 % 6)) + (0.0, 0.4, 3.0)[n % 3],
            refunds=refunds[(n + n // 6) % 6],
            awkward=n % 4 == 1,
        )
        for n in range(84)
    )


# ---------------------------------------------------------------------------------------------- payloads


def _at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


def _sale(n: int, *, shop: str, buyer: int, placed: float, refunds: str, awkward: bool) -> Sale:
    """Awkward prices come to different totals under different roundings: their documents start as drafts."""
    prices = [("7.77", 1)] if awkward else [("24.00", 2), ("5.90", 1)]
    lines = [
        item(price, quantity=quantity, id_=1000 * n + at, title=f"Bougie {at}")
        for at, (price, quantity) in enumerate(prices)
    ]
    by_email = shop != ATELIER
    name = f"berthier-{buyer}" if by_email else f"atelier-{buyer}"
    order = shopify_order(
        *(6_100_000_000_000 + n, lines),
        placed=_at(placed),
        buyer=buyer,
        last_name=name,
        email=f"{name}@example.fr",
        updated_at=_at(placed + 1).isoformat(),
    )
    total = Decimal(order["total_price"])
    first = Decimal("3.33" if awkward else "24.00")
    given_back = {"none": [], "full": [total], "part": [first], "parts": [first, total - first]}[refunds]
    returned: list[dict[int, int]] = [{} for _ in given_back]
    if refunds == "full":
        returned = [{line["id"]: line["quantity"] for line in lines}]
    elif returned and not awkward:
        returned[0] = {lines[0]["id"]: 1}
    payloads = [
        shopify_refund(order, 900_000 + 10 * n + at, amount, parts, placed=_at(placed + 10 + at))
        for at, (amount, parts) in enumerate(zip(given_back, returned, strict=True))
    ]
    unpaid = order | {"financial_status": "pending", "updated_at": _at(placed).isoformat()}
    status = "refunded" if sum(given_back) == total else "partially_refunded" if given_back else "paid"
    after = {
        "refunds": payloads,
        "financial_status": status,
        "current_total_price": str(total - sum(given_back)),
        "updated_at": _at(placed + 12).isoformat(),
    }
    links = (f"payment-{n}",) if n % 2 else ()
    messages = [
        _message(shop, "orders/create", as_body(unpaid), f"w{n}-c", 0.0, links),
        _message(shop, "orders/paid", as_body(order), f"w{n}-p", 1.0, links),
        *(
            _message(shop, "refunds/create", as_body(payload), f"w{n}-r{at}", 10.0 + at, links)
            for at, payload in enumerate(payloads)
        ),
    ]
    return Sale(
        key=f"shopify:{shop}:order:{order['id']}",
        placed=placed,
        buyer=order["email"] if by_email else f"shopify:{shop}:customer:{order['customer']['id']}",
        by_email=by_email,
        total=total,
        credits={
            f"shopify:{shop}:refund:{payload['id']}": amount
            for payload, amount in zip(payloads, given_back, strict=True)
        },
        reversed=f"shopify:{shop}:refund:{payloads[0]['id']}" if refunds == "full" else "",
        messages=tuple(messages),
        listed=_message(shop, "orders/updated", as_body(order | after), f"w{n}-u", 12.0, links),
    )


def _message(
    shop: str, topic: str, body: bytes, delivery: str, after: float, links: tuple[str, ...] = ()
) -> Message:
    """`links`: as with Stripe, a refund then knows the payment only, and the order ties it to itself."""
    identity = shopify.identify(shop, {"x-shopify-topic": topic, "x-shopify-webhook-id": delivery}, body)
    assert isinstance(identity, ForOrder)
    if links:
        key = None if topic == "refunds/create" else identity.order_key
        identity = replace(identity, order_key=key, links=links)
    return Message(shop=shop, body=body, identity=identity, after=after)
