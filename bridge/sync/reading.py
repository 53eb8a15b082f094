"""What an order is: by its events, with what the platform left out of them; where these are gone, by its
documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from bridge.billing.late import Late, Stated, late_order
from bridge.billing.made import LedgerEntry
from bridge.errors import NeedsPerson
from bridge.facturation.records import InvoiceRecord
from bridge.failpoints import failpoint
from bridge.keys import REFUND, Key
from bridge.orders import Event, Folded, Incomplete, Unfinished
from bridge.sources.base import ANSWER, NOTHING, answer_to
from bridge.store.values import HeldOrder
from bridge.sync.exactly_once import Clock
from bridge.sync.shop import Shop

PAGES = 40
"""At most so many answers are fetched from a platform for one order."""


class Remembering(Protocol):
    """What reading needs of the store."""

    async def ledger(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]: ...
    async def keep_fetched(self, order_key: str, path: str, body: bytes) -> None: ...


class Reader:
    """`document`: reads an invoice of Facturation.pro by its id."""

    def __init__(
        self, store: Remembering, clock: Clock, document: Callable[[int], Awaitable[InvoiceRecord]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._document = document

    async def understood(self, shop: Shop, order_key: str, view: HeldOrder) -> Folded | Late:
        """What the order is, as far as it can be told. Raises NeedsPerson, and what the platform's API and
        Facturation.pro's raise."""
        folded = await self._fold(shop, order_key, view)
        if isinstance(folded, Unfinished) and view.ours and (folded.reductions or folded.disputes):
            return await self._late(Key.parse(order_key), folded, view) or folded
        return folded

    async def _fold(self, shop: Shop, order_key: str, view: HeldOrder) -> Folded:
        """As its events say, after fetching what the platform left out."""
        events = view.events
        asked: set[str] = set()
        answer: Event | None = None
        while True:
            failpoint("sync", "fold")
            folded = shop.source.fold(shop.name, order_key, events)
            if answer:  # only what could be read: the same question is not asked again
                await self._store.keep_fetched(order_key, answer.id, answer.body)
            if not isinstance(folded, Incomplete):
                return folded
            if folded.path in asked or len(asked) >= PAGES:
                raise NeedsPerson(folded.reason)
            asked.add(folded.path)
            body = await _answer_of(shop, folded)
            known = tuple(e for e in events if (e.topic, e.id) != (ANSWER, folded.path))
            said = answer_to(folded, body or NOTHING, self._clock.now())
            answer = said if body else None
            events = (*known, said)

    async def _late(self, key: Key, told: Unfinished, view: HeldOrder) -> Late | None:
        """As its documents tell it, if there are any."""
        names = [name for each in told.reductions for name in (each.id, *each.refunds)]
        notes = [str(key.sibling(REFUND, name)) for name in (*names, f"cancel-{key.id}")]
        keys = dict.fromkeys([str(key), *view.documents, *view.further, *notes])
        records = await self._store.ledger(list(keys))
        made = {name: LedgerEntry.from_record(record) for name, record in records.items()}
        if str(key) not in made or view.placed_at is None:
            return None
        first = await self._document(made[str(key)].id)
        stated = Stated(
            lines=first.lines,
            currency=first.currency,
            exemption=first.vat_exemption,
            country=first.vat_country,
        )
        return late_order(key, view.number, view.placed_at, told, made, stated)


async def _answer_of(shop: Shop, wanted: Incomplete) -> bytes | None:
    """What the platform's API answers; None where it need not and does not."""
    try:
        if shop.fetch is None:
            raise NeedsPerson(wanted.reason)
        return await shop.fetch(wanted.path)
    except NeedsPerson:
        if wanted.needed:
            raise
        return None
