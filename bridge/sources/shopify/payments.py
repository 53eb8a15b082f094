"""Which money came in, when and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bridge.orders import ZERO, Payment, PaymentMethod, RefundState, utc
from bridge.sources.shopify.payloads import OrderPayload, Transaction, slug

# word → (how far along, is the money there). An order given back was paid before.
# https://shopify.dev/docs/api/admin-rest/latest/resources/order, financial_status
STATUS: Mapping[str, tuple[int, bool]] = {
    "": (0, False),
    "pending": (0, False),
    "authorized": (1, False),
    "expired": (2, False),
    "voided": (3, False),
    "partially_paid": (4, False),
    "paid": (5, True),
    "partially_refunded": (6, True),
    "refunded": (7, True),
}
RECEIVED = frozenset({"sale", "capture"})
"""Kinds of transaction that bring money in; an authorization only reserves it."""
# https://shopify.dev/docs/api/admin-rest/latest/resources/transaction, status
REFUND_STATES: Mapping[str, RefundState] = {
    "pending": RefundState.PENDING,
    "failure": RefundState.FAILED,
    "error": RefundState.FAILED,
    "success": RefundState.DONE,
}
SETTLED = (RefundState.PENDING, RefundState.FAILED, RefundState.DONE)
"""Of two states of one transaction, the later one is true."""

_GATEWAYS_OF: Mapping[PaymentMethod, str] = {
    PaymentMethod.CARD: (
        "shopify_payments shop_pay stripe payplug mollie adyen braintree checkout_com worldline systempay "
        "monetico sumup bogus apple_pay google_pay visa mastercard credit_card carte_bancaire"
    ),
    PaymentMethod.PAYPAL: "paypal paypal_express paypal_express_checkout",
    PaymentMethod.TRANSFER: "bank_deposit bank_transfer wire_transfer virement virement_bancaire",
    PaymentMethod.CHEQUE: "cheque check paiement_par_cheque",
    PaymentMethod.CASH: "cash cash_on_delivery cash_on_delivery_cod paiement_a_la_livraison especes",
    PaymentMethod.DIRECT_DEBIT: "gocardless sepa_debit prelevement",
    PaymentMethod.GIFT_CARD: "gift_card carte_cadeau",
    PaymentMethod.MEAL_VOUCHER: "edenred swile conecs titres_restaurant",
    PaymentMethod.HOLIDAY_VOUCHER: "ancv cheque_vacances cheque_vacances_connect",
    PaymentMethod.OTHER: (
        "manual money_order alma klarna oney floa scalapay amazon_payments shopify_store_credit"
    ),
}
GATEWAYS: Mapping[str, PaymentMethod] = {
    word: method for method, words in _GATEWAYS_OF.items() for word in words.split()
}
"""Gateway, as `slug` writes it → payment method. Manual methods carry the merchant's own words."""


def is_paid(order: OrderPayload) -> bool:
    return STATUS.get(order.financial_status, (0, False))[1]


def state_of(move: Transaction) -> RefundState:
    """An unknown word is no proof that money moved."""
    return REFUND_STATES.get(move.status, RefundState.PENDING)


def latest_moves(moves: Iterable[Transaction]) -> dict[str, Transaction]:
    """Each transaction once, in its last state."""
    latest: dict[str, Transaction] = {}
    for move in moves:
        latest[move.id] = max(latest.get(move.id, move), move, key=_lateness)
    return latest


def _lateness(move: Transaction) -> tuple[int, str]:
    return SETTLED.index(state_of(move)), move.model_dump_json()


def receipts_of(money: Mapping[str, Transaction]) -> list[Transaction]:
    """Successful payments, oldest first."""
    receipts = [m for m in money.values() if m.kind in RECEIVED and state_of(m) is RefundState.DONE]
    return sorted(receipts, key=lambda move: (move.at.timestamp() if move.at else 0, move.id))


def paid_when(
    order: OrderPayload, snapshots: Sequence[OrderPayload], receipts: Sequence[Transaction]
) -> datetime | None:
    """When the money was there, as closely as the events tell.

    `processed_at` is the day of the order. That is the payment's day too, unless the order was once seen
    unpaid: then it was paid between that snapshot and the first one that says so.
    """
    if not is_paid(order):
        return None
    times = [move.at for move in receipts if move.at]
    if times:
        return utc(max(times))
    if all(is_paid(snapshot) for snapshot in snapshots):
        return utc(order.processed_at or order.created_at)
    return utc(min(snapshot.changed_at for snapshot in snapshots if is_paid(snapshot)))


def payments_of(order: OrderPayload, receipts: Sequence[Transaction], *, paid: bool) -> tuple[Payment, ...]:
    """Known transactions; of a paid order also the gateways whose transactions are not known."""
    payments = [
        Payment(
            method=_method(move.gateway),
            gateway=move.gateway,
            reference=move.authorization,
            amount=move.amount if move.currency in ("", "XXX", order.currency) else None,
        )
        for move in receipts
    ]
    whole = sum((payment.amount or ZERO for payment in payments), ZERO) >= order.total_price
    if paid and not (payments and whole):
        seen = {payment.gateway for payment in payments}
        names = dict.fromkeys(name for name in order.payment_gateway_names if name and name not in seen)
        payments.extend(Payment(method=_method(name), gateway=name) for name in names)
    return tuple(payments)


def _method(gateway: str) -> PaymentMethod:
    return GATEWAYS.get(slug(gateway), PaymentMethod.OTHER)
