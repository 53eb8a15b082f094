"""Random but realistic carts: how shops price, discount and round, for the property tests and `bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from bridge.movements import Movement, PaymentMethod
from bridge.orders import CENT, Address, Customer, Line, LineKind, Order, Tax, to_cents

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARIS_ADDRESS = Address(street="1 rue de la Paix", city="Paris", postcode="75002", country="FR")
RATES = (Decimal("0.2"), Decimal("0.2"), Decimal("0.2"), Decimal("0.1"), Decimal("0.055"), Decimal("0.021"))
QUANTITIES = (1, 1, 1, 1, 1, 2, 3, 4, 6, 7, 12, 100, 1000)
SIZES = (1, 1, 1, 2, 2, 3, 4, 6, 12)
DISCOUNTS = (0, 0, 0, 5, 10, 15, 33)

T = TypeVar("T")
Pick = Callable[[int, int], int]
"""A whole number between two bounds, both included: `random.randint`, or a draw of hypothesis."""


def order_of(*lines: Line, total: Decimal | None = None) -> Order:
    """A paid French order of these lines."""
    return Order(
        key="shopify:boutique:order:1",
        platform="shopify",
        shop="boutique",
        id="1",
        number="1001",
        currency="EUR",
        total=sum((line.gross for line in lines), Decimal(0)) if total is None else total,
        placed_at=NOON,
        lines=lines,
        customer=Customer(id="7", email="a@example.com", last_name="Durand", billing=PARIS_ADDRESS),
        paid_at=NOON,
        movements=(Movement(method=PaymentMethod.CARD, gateway="card"),),
    )


def cart(pick: Pick, size: int | None = None) -> Order:
    """An order with prices including or excluding VAT, discounts, shipping, VAT rounded by line or unit."""
    including = bool(pick(0, 1))
    per_unit = pick(0, 5) == 0
    rates = RATES[:3] if pick(0, 1) else RATES
    count = size or _one_of(pick, SIZES)
    lines = [_line(pick, f"L{index}", including, per_unit, _one_of(pick, rates)) for index in range(count)]
    if pick(0, 2) == 0:
        gross = Decimal(_one_of(pick, (490, 590, 690, 999))) * CENT
        tax = to_cents(gross * lines[0].taxes[0].rate / (1 + lines[0].taxes[0].rate))  # type: ignore[operator]
        shipping = Tax(amount=tax, rate=lines[0].taxes[0].rate)
        lines.append(Line(id="S", kind=LineKind.SHIPPING, title="Colissimo", gross=gross, taxes=(shipping,)))
    return order_of(*lines)


def _line(pick: Pick, name: str, including: bool, per_unit: bool, rate: Decimal) -> Line:
    quantity = Decimal(_one_of(pick, QUANTITIES))
    price = Decimal(_price(pick)) * CENT
    kept = Decimal(100 - _one_of(pick, DISCOUNTS)) / 100
    factor = rate / (1 + rate) if including else rate
    unit = to_cents(price * kept)
    # Where a unit's VAT rounds to nothing, so does that of a thousand: a person is asked about that order.
    if per_unit and to_cents(unit * factor):
        stated, tax = unit * quantity, to_cents(unit * factor) * quantity
    else:
        stated = to_cents(price * quantity * kept)
        tax = to_cents(stated * factor)
    return Line(
        id=name,
        title=f"Article {name}",
        quantity=quantity,
        gross=stated if including else stated + tax,
        taxes=(Tax(amount=tax, rate=rate),),
        discount=to_cents(price * quantity) - stated,
    )


def _price(pick: Pick) -> int:
    """In cents: any, or one of those that shops like."""
    return pick(30, 30000) if pick(0, 1) else _one_of(pick, (90, 99, 490, 990, 999, 1990, 2499, 3999, 9999))


def _one_of(pick: Pick, values: Sequence[T]) -> T:
    return values[pick(0, len(values) - 1)]
