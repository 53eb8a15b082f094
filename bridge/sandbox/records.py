"""What the sandbox keeps, how it is found, and how it is written as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from bridge.sandbox.columns import CUSTOMER_READERS, INVOICE_READERS, ITEM_READERS
from bridge.sandbox.config import PARIS
from bridge.sandbox.fields import Reader
from bridge.sandbox.refusals import RecordNotFound
from bridge.sandbox.totals import DocumentTotals, PricedLine, decimal_text

Json = dict[str, Any]

PUBLIC_URL = "https://sandbox.invalid/invoices/{id}.pdf"
NUMBER_PREFIX = "F"


def blank(readers: dict[str, Reader]) -> dict[str, Any]:
    return dict.fromkeys(readers)


@dataclass(slots=True, kw_only=True)
class Customer:
    """`values` holds the writable fields, typed, under the vendor's names."""

    id: int
    values: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived: bool = False
    soft_deleted: bool = False
    last_invoiced_on: date | None = None
    last_paid_on: date | None = None

    def as_json(self, *, with_sepa: bool = False) -> Json:
        shown = {n: _written(v) for n, v in self.values.items() if with_sepa or not n.startswith("sepa_")}
        return shown | {
            "id": self.id,
            "created_at": _written(self.created_at),
            "updated_at": _written(self.updated_at),
            "last_invoiced_on": _written(self.last_invoiced_on),
            "last_paid_on": _written(self.last_paid_on),
            "soft_deleted": self.soft_deleted,
            "hard_delete_on": None,
        }

    @property
    def identity(self) -> str:
        return str(self.values["short_name"] or "")


@dataclass(slots=True, kw_only=True)
class Item:
    """One line of an invoice."""

    id: int
    values: dict[str, Any]
    total: Decimal = Decimal(0)

    @property
    def priced(self) -> PricedLine:
        return PricedLine(self.values["quantity"], self.values["unit_price"], self.values["vat"])

    def as_json(self) -> Json:
        return {n: _written(v) for n, v in self.values.items()} | {
            "id": self.id,
            "vat": f"{self.values['vat']:.3f}",
            "total": decimal_text(self.total),
        }


@dataclass(slots=True, kw_only=True)
class Settlement:
    """A payment recorded on an invoice; `values["total"]` includes VAT."""

    id: int
    invoice_id: int
    values: dict[str, Any]

    def as_json(self) -> Json:
        return {n: _written(v) for n, v in self.values.items()} | {
            "id": self.id,
            "invoice_id": self.invoice_id,
        }


@dataclass(slots=True, kw_only=True)
class Invoice:
    """An invoice, draft, external invoice or credit note. It has an `invoice_ref` once it is numbered."""

    id: int
    values: dict[str, Any]
    items: list[Item]
    totals: DocumentTotals
    customer_identity: str
    draft: bool
    created_at: datetime
    updated_at: datetime
    external: bool = False
    refund_id: int | None = None
    invoice_ref: str | None = None
    number: int = 0
    """Rank in the firm's series; 0 while there is no number."""
    settlements: dict[int, Settlement] = field(default_factory=dict)

    @property
    def paid(self) -> bool:
        return self.values["paid_on"] is not None

    @property
    def is_credit_note(self) -> bool:
        return self.refund_id is not None or self.totals.total_with_vat < 0

    @property
    def settled(self) -> Decimal:
        return sum((s.values["total"] for s in self.settlements.values()), Decimal(0))

    @property
    def full_invoice_ref(self) -> str | None:
        return f"{NUMBER_PREFIX}{self.invoice_ref}" if self.invoice_ref else None

    def as_json(self, *, with_details: bool = True, with_settlements: bool = True) -> Json:
        total_with_vat = self.totals.total_with_vat
        euros = self.values["currency"] == "EUR"
        shown = {n: _written(v) for n, v in self.values.items()} | {
            "id": self.id,
            "customer_identity": self.customer_identity,
            "draft": self.draft,
            "external": self.external,
            "invoice_ref": self.invoice_ref,
            "full_invoice_ref": self.full_invoice_ref,
            "refund_id": self.refund_id,
            "total": decimal_text(self.totals.total),
            "total_with_vat": decimal_text(total_with_vat),
            "balance": decimal_text(Decimal(0) if self.paid else total_with_vat - self.settled),
            "estimated_total_in_main_currency": decimal_text(total_with_vat) if euros else None,
            "public_download_url": PUBLIC_URL.format(id=self.id),
            "created_at": _written(self.created_at),
            "updated_at": _written(self.updated_at),
            "soft_deleted": False,
            **dict.fromkeys(NEVER_SET),
        }
        if with_details:
            shown["items"] = [item.as_json() for item in self.items]
            shown["files"] = []
        if with_settlements:
            shown["settlements"] = [settlement.as_json() for settlement in self.settlements.values()]
        return shown


NEVER_SET = (
    "exchange_rate",
    "estimated_rate",
    "hard_delete_on",
    "quote_id",
    "recurring_invoice_id",
    "pay_url",
)

BLANK_CUSTOMER = blank(CUSTOMER_READERS) | {"individual": False, "currency": "EUR"}
BLANK_INVOICE = blank(INVOICE_READERS) | {
    "payment_mode": 0,
    "rebate_percentage": Decimal(0),
    "service_personne": False,
}
BLANK_ITEM = {n: v for n, v in blank(ITEM_READERS).items() if n not in ("id", "_destroy")} | {
    "optional": False,
    "nature": 9,
}


class Kept(Protocol):
    """A record that has an id and may carry the caller's `api_id`."""

    id: int
    values: dict[str, Any]


Record = TypeVar("Record", bound=Kept)


class Shelf(Generic[Record]):
    """Records of one kind, found at once by id and by `api_id`."""

    def __init__(self, first_id: int) -> None:
        self._ids = count(first_id)
        self._records: dict[int, Record] = {}
        self._by_api_id: dict[int, dict[int, Record]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def new_id(self) -> int:
        return next(self._ids)

    def get(self, record_id: int) -> Record:
        """Raises RecordNotFound."""
        try:
            return self._records[record_id]
        except KeyError:
            raise RecordNotFound from None

    def find(self, record_id: object) -> Record | None:
        return self._records.get(record_id) if isinstance(record_id, int) else None

    def with_api_id(self, api_id: int) -> list[Record]:
        """Several records may share an `api_id`: nothing says it is unique."""
        return list(self._by_api_id.get(api_id, {}).values())

    def add(self, record: Record) -> None:
        self._records[record.id] = record
        self._index(record)

    def change(self, record: Record, values: dict[str, Any]) -> None:
        """Give a kept record other values."""
        self._unindex(record)
        record.values = values
        self._index(record)

    def remove(self, record: Record) -> None:
        self._unindex(record)
        del self._records[record.id]

    def _index(self, record: Record) -> None:
        if (api_id := record.values["api_id"]) is not None:
            self._by_api_id.setdefault(api_id, {})[record.id] = record

    def _unindex(self, record: Record) -> None:
        if (api_id := record.values["api_id"]) is not None:
            del self._by_api_id[api_id][record.id]


def _written(value: object) -> object:
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime():
            return value.astimezone(PARIS).isoformat(timespec="milliseconds")
        case date():
            return value.isoformat()
    return value
