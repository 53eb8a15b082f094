"""The money of a sale: what came in, what went back, and what is claimed back. It makes no sale smaller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class PaymentMethod(StrEnum):
    """How money came in. `facturation/` turns it into their code."""

    CARD = "card"
    PAYPAL = "paypal"
    TRANSFER = "transfer"
    CHEQUE = "cheque"
    CASH = "cash"
    DIRECT_DEBIT = "direct_debit"
    GIFT_CARD = "gift_card"
    MEAL_VOUCHER = "meal_voucher"
    HOLIDAY_VOUCHER = "holiday_voucher"
    OTHER = "other"


class MovementState(StrEnum):
    """Authorised is not here: it is no money yet."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that came in, or went back (negative).

    `amount`: None where the platform names the method alone. `gateway`: the platform's own word, kept for the
    explanation. `reference`: the payment's name at its provider.
    """

    id: str = ""
    at: datetime | None = None
    amount: Decimal | None = None
    method: PaymentMethod
    gateway: str = ""
    reference: str = ""
    state: MovementState = MovementState.SETTLED


class DisputeState(StrEnum):
    """A buyer's bank claims money back."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Money that is claimed back. It makes no sale smaller. `reason`: the platform's word for it."""

    id: str
    amount: Decimal
    state: DisputeState = DisputeState.OPEN
    reason: str = ""
    answer_by: datetime | None = None
