"""Everything one sandbox holds, reachable in-process as `app.state.sandbox`."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.customers import CustomerBook
from bridge.sandbox.faults import Faults
from bridge.sandbox.invoices import InvoiceBook
from bridge.sandbox.quota import Quota
from bridge.sandbox.records import Customer, Invoice, Json
from bridge.sandbox.settlements import SettlementBook

REQUESTS_KEPT = 50_000


@dataclass(slots=True)
class RequestMade:
    """A request as its client saw it; `status` None: no answer (dropped, or not yet)."""

    method: str
    target: str
    at: datetime
    status: int | None = None

    def as_json(self) -> Json:
        return {
            "method": self.method,
            "path": self.target,
            "status": self.status,
            "at": self.at.isoformat(timespec="milliseconds"),
        }


class Sandbox:
    """The simulated firm: its records, its quotas, the faults waiting, the requests received."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.faults = Faults()
        self.reset()

    def reset(self) -> None:
        """Back to an empty firm: no record, no fault, no late commit, fresh quotas, numbers from 1."""
        self.faults.clear()
        self.faults.cancel_late_commits()
        self.customer_book = CustomerBook(self.config)
        self.invoice_book = InvoiceBook(self.config, self.customer_book)
        self.settlement_book = SettlementBook(self.config, self.invoice_book)
        self.quota = Quota(self.config.requests_per_5_minutes, self.config.requests_per_day)
        self.emails: list[Json] = []
        self.requests: deque[RequestMade] = deque(maxlen=REQUESTS_KEPT)
        self.requests_received = 0

    @property
    def customers(self) -> list[Customer]:
        return list(self.customer_book.shelf)

    @property
    def invoices(self) -> list[Invoice]:
        """Every document: drafts, invoices, external invoices and credit notes, oldest first."""
        return list(self.invoice_book.shelf)

    def note(self, method: str, target: str) -> RequestMade:
        """Write a request down; the caller adds the status when there is one."""
        request = RequestMade(method, target, self.config.clock())
        self.requests.append(request)
        self.requests_received += 1
        return request

    def counts(self) -> dict[str, int]:
        """`invoices` are the numbered ones that are not credit notes; each document is counted once."""
        documents = self.invoices
        numbered = [document for document in documents if document.number]
        credit_notes = sum(document.is_credit_note for document in numbered)
        return {
            "customers": len(self.customer_book.shelf),
            "drafts": sum(document.draft for document in documents),
            "invoices": len(numbered) - credit_notes,
            "credit_notes": credit_notes,
            "external": sum(document.external for document in documents),
            "settlements": sum(len(document.settlements) for document in documents),
            "emails": len(self.emails),
            "requests": self.requests_received,
            "faults": len(self.faults),
        }

    def snapshot(self) -> Json:
        """The answer of `GET /_sandbox/state`."""
        return {
            "counts": self.counts(),
            "customers": [
                customer.as_json() | {"archived": customer.archived} for customer in self.customers
            ],
            "invoices": [invoice.as_json() for invoice in self.invoices],
            "emails": self.emails,
            "requests": [request.as_json() for request in self.requests],
        }
