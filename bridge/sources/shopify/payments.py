"""Which money came in and went back, when and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from bridge.movements import Movement, MovementState, PaymentMethod
from bridge.orders import ZERO, RefundState, legal_date, utc
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
_STATES: Mapping[RefundState, MovementState] = {
    RefundState.PENDING: MovementState.PENDING,
    RefundState.FAILED: MovementState.FAILED,
    RefundState.DONE: MovementState.SETTLED,
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
    newest: OrderPayload,
    snapshots: Sequence[OrderPayload],
    receipts: Sequence[Transaction],
    told: datetime | None,
) -> datetime | None:
    """When the money for what was sold at first was there, as closely as the events tell.

    An order that was paid stays so when something is added to it that is not. `processed_at` is the day of
    the order. That is the payment's day too, unless `orders/paid` came (`told`) on a later one, or the order
    was once seen unpaid: then it was paid between that snapshot and the first one that says so.
    """
    paid = [snapshot for snapshot in snapshots if is_paid(snapshot)]
    if not paid or not (is_paid(newest) or newest.total_outstanding > 0):
        return None
    first = min(paid, key=lambda snapshot: snapshot.changed_at)
    times = [move.at for move in receipts if move.at]
    early = [at for at in times if at <= first.changed_at]
    if times:
        return utc(max(early) if early else min(times))
    if all(is_paid(snapshot) for snapshot in snapshots if snapshot.changed_at <= first.changed_at):
        placed = utc(first.processed_at or first.created_at)
        return utc(told) if told and legal_date(told) > legal_date(placed) else placed
    return utc(first.changed_at)


def movements_of(
    order: OrderPayload, money: Mapping[str, Transaction], *, paid: bool
) -> tuple[Movement, ...]:
    """Known transactions, in and out; of a paid order also the gateways whose transactions are not known.
    One that failed, or never came, has paid nothing."""
    known = [move for move in money.values() if move.kind in RECEIVED or move.kind == "refund"]
    moves = [_movement(order, move) for move in sorted(known, key=lambda move: (str(move.at), move.id))]
    settled = [move for move in moves if move.state is MovementState.SETTLED and not _is_out(move)]
    came = sum((move.amount or ZERO for move in settled), ZERO)
    if paid and (not settled or came < order.total_price):
        seen = {move.gateway for move in moves if not _is_out(move)}
        names = list(dict.fromkeys(each for each in order.payment_gateway_names if each and each not in seen))
        amount = _came_in(order) if len(names) == 1 and not settled else None
        moves.extend(Movement(method=_method(name), gateway=name, amount=amount) for name in names)
    return tuple(moves)


def _came_in(order: OrderPayload) -> Decimal | None:
    """What is left of the order, less what is still owed of it, and what it knows to have gone back."""
    if order.current_total_price is None:
        return None
    back = [move for refund in order.refunds for move in refund.transactions if move.kind == "refund"]
    counted = [abs(move.amount) for move in back if state_of(move) is not RefundState.FAILED]
    return order.current_total_price - order.total_outstanding + sum(counted, ZERO)


def _movement(order: OrderPayload, move: Transaction) -> Movement:
    same = move.currency in ("", "XXX", order.currency)
    sign = -1 if move.kind == "refund" else 1
    return Movement(
        id=move.id,
        at=utc(move.at) if move.at else None,
        amount=sign * abs(move.amount) if same else None,
        method=_method(move.gateway),
        gateway=move.gateway,
        reference=move.authorization,
        state=_STATES[state_of(move)],
    )


def given_back(movements: Iterable[Movement]) -> Decimal:
    """The money that went back, or is about to."""
    out = [move.amount for move in movements if move.amount and move.state is not MovementState.FAILED]
    return -sum((amount for amount in out if amount < 0), ZERO)


def _is_out(move: Movement) -> bool:
    return move.amount is not None and move.amount < 0


def _method(gateway: str) -> PaymentMethod:
    return GATEWAYS.get(slug(gateway), PaymentMethod.OTHER)
