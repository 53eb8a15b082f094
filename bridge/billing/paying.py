"""What an invoice states of its payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.billing.books.money import Payment, main_payment
from bridge.billing.drafts import PaymentNote
from bridge.movements import PaymentMethod
from bridge.orders import legal_date

METHODS: dict[PaymentMethod, str] = {
    PaymentMethod.CARD: "par carte bancaire",
    PaymentMethod.PAYPAL: "par PayPal",
    PaymentMethod.TRANSFER: "par virement",
    PaymentMethod.CHEQUE: "par chèque",
    PaymentMethod.CASH: "en espèces",
    PaymentMethod.DIRECT_DEBIT: "par prélèvement",
    PaymentMethod.GIFT_CARD: "par carte cadeau",
    PaymentMethod.MEAL_VOUCHER: "par titre-restaurant",
    PaymentMethod.HOLIDAY_VOUCHER: "par chèque-vacances",
    PaymentMethod.OTHER: "par un autre moyen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """`note`: the payment that the invoice states; `all`: every payment of it. `why`: in French."""

    note: PaymentNote | None
    all: tuple[Payment, ...] = ()
    why: tuple[str, ...] = ()


NOT_PAID = Paid(note=None, why=("Facture émise avant paiement.",))


def paid_by(payments: tuple[Payment, ...], at: datetime) -> Paid:
    """The main payment: the largest that is not a gift card, which is noted beside it."""
    on = legal_date(at)
    main = main_payment(payments)
    if main is None:
        why = "Payée, sans moyen de paiement indiqué par la boutique."
        return Paid(note=PaymentNote(on=on, method=PaymentMethod.OTHER), why=(why,))
    move, _ = main
    told = [f"Payée le {on:%d/%m/%Y} {METHODS[move.method]} (passerelle : {move.gateway or 'non précisée'})."]
    if len(payments) > 1:
        told.append(f"{len(payments)} paiements : le principal est porté, tous sont détaillés en note.")
    note = PaymentNote(on=on, method=move.method, reference=move.reference)
    return Paid(note=note, all=payments, why=tuple(told))
