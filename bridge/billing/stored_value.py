"""Money that the shop held already (a wallet, a credit), which some plugins write as a negative fee: it pays
the sale, and makes it no smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from bridge.billing.exemptions import folded
from bridge.movements import Movement, PaymentMethod
from bridge.orders import ZERO, Line, LineKind, Order
from bridge.reasons import because


def with_stored_value(order: Order, names: Sequence[str]) -> Order:
    """The order with such fees as payments. `names`: patterns of the shop's own. A negative fee without VAT
    that has no such name may be a discount too: it is a problem of the order."""
    fees = [line for line in order.lines if line.kind is LineKind.FEE and line.gross < 0 and not line.tax]
    if not fees:
        return order
    known = [line for line in fees if any(fnmatchcase(folded(line.title), folded(name)) for name in names)]
    unknown = next((line for line in fees if line not in known), None)
    asked = (
        because("fee_may_be_money", fee=unknown.title, amount=-unknown.gross, currency=order.currency)
        if unknown
        else None
    )
    return replace(
        order,
        total=order.total - sum((line.gross for line in known), ZERO),
        lines=tuple(line for line in order.lines if line not in known),
        movements=(*order.movements, *(_payment(order, line) for line in known if order.paid_at)),
        problems=(*order.problems, *((asked,) if asked else ())),
    )


def _payment(order: Order, line: Line) -> Movement:
    return Movement(
        method=PaymentMethod.GIFT_CARD,
        gateway=line.title,
        reference=line.id,
        amount=-line.gross,
        at=order.paid_at,
    )
