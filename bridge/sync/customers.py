"""The buyer exists once, under the name that the law knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bridge.billing.drafts import CustomerDraft
from bridge.billing.known_buyers import (
    buyer_lock,
    buyer_locks,
    entity_of,
    facts_of,
    is_another,
    matched_by_email,
    registration,
    registration_of,
)
from bridge.billing.made import LedgerEntry
from bridge.billing.steps import EnsureCustomer, UpdateCustomer
from bridge.errors import ApiRefused, CustomerGone
from bridge.facturation.completing import completion, is_ours
from bridge.facturation.fields import Fields, api_id_of, customer_fields
from bridge.facturation.records import CustomerRecord
from bridge.reasons import because
from bridge.sync.exactly_once import Attempts, BeforeSend, Run

EVER = datetime(1970, 1, 2, tzinfo=UTC)
"""As if placed then, before the floor of any ledger, but for one that has forgotten nothing (0): whoever buys
for the first time now may have bought before."""
SAYS_NO_CUSTOMER = frozenset({400, 404, 422})
"""Statuses of a refusal because of an archived or deleted customer: which ones is not documented."""
ADDRESS = ("street", "zip_code", "city", "country")
COMPANY = ("company_name", "vat_number", "siret")
WHOLE = (*COMPANY, *ADDRESS, "first_name", "last_name", "email", "phone")


class Customers:
    """Carries out what concerns buyers."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def ensure(self, step: EnsureCustomer, run: Run) -> dict[str, LedgerEntry]:
        """The buyer, found or created."""
        draft = step.draft
        by_email, keys = matched_by_email(draft, run.rules), [draft.key]
        told = _told(draft, run)
        if by_email:
            lock, known = await self._lock(draft)
            if known:
                return await self._attempts.write(keys, replace(known, entity=told.entity))
            keys = [lock, draft.key]
            made = await self._find_by_email(draft, run)
            if made:
                return await self._attempts.write(keys, made)

        async def look_up() -> LedgerEntry | None:
            records = await self._attempts.api.find_customers(api_id_of(draft.key))
            mine = sorted(
                record.id
                for record in records
                if record.api_custom == draft.key and (not by_email or _same_buyer(record, draft))
            )
            if mine:
                return replace(told, id=mine[0], twins=tuple(mine[1:]))
            return await self._find_by_email(draft, run) if by_email else None

        async def create(before_send: BeforeSend) -> LedgerEntry:
            record = await self._attempts.api.create_customer(customer_fields(draft), before_send=before_send)
            return replace(told, id=record.id)

        return await self._attempts.ensure(run, keys, look_up, create, since=None if by_email else EVER)

    async def _lock(self, draft: CustomerDraft) -> tuple[str, LedgerEntry | None]:
        """The ledger key that guards the buyer's creation, and the customer that it knows already."""
        by_name, by_number = buyer_locks(draft)
        records = await self._attempts.store.ledger([by_name, by_number])
        known = {key: LedgerEntry.from_record(record) for key, record in records.items()}
        lock = by_number if by_name in known and is_another(known[by_name], draft) else by_name
        return lock, known.get(lock)

    async def _find_by_email(self, draft: CustomerDraft, run: Run) -> LedgerEntry | None:
        """A customer of exactly this e-mail who is the same buyer: a person, or this company."""
        records = await self._attempts.api.find_customers_by_email(draft.email)
        same = sorted((record for record in records if _same_buyer(record, draft)), key=lambda each: each.id)
        why = ("client trouvé par son e-mail exact", *draft.why)
        if same and is_ours(same[0]):
            # Without facts: the next step writes over it what this order says.
            return replace(_told(draft, run), id=same[0].id, facts="", as_of="", why=why)
        if same:
            return replace(await self._complete(same[0], draft, run), why=why)
        archived = await self._archived(buyer_locks(draft)[0])
        if not archived:
            return None
        try:
            await self._attempts.api.unarchive_customer(archived)
        except ApiRefused as exc:
            if exc.status == 404:  # deleted since it was listed
                return None
            raise
        record = await self._attempts.api.get_customer(archived)
        why = ("client archivé trouvé par son e-mail, rétabli", *draft.why)
        return replace(await self._complete(record, draft, run), why=why)

    async def _complete(self, record: CustomerRecord, draft: CustomerDraft, run: Run) -> LedgerEntry:
        """A record of others: its blanks are filled, its words stay, and what differs is noted."""
        found = completion(record, draft)
        if found.blanks:
            await self._attempts.api.update_customer(record.id, found.blanks)
        return replace(_told(draft, run), id=record.id, found=True, differs=found.differs)

    async def _archived(self, lock: str) -> int:
        """The archived customer of this buyer, or 0. Asked of a list kept for hours: a look-up in the
        archive for each new buyer would cost a call an order."""
        index = await self._attempts.store.archived_customer(lock)
        if index is not None:
            return index
        index_of = {
            buyer_lock("" if record.individual else record.company_name, email): record.id
            for record in await self._attempts.api.archived_customers()
            for email in record.emails
        }
        await self._attempts.store.keep_archived_customers(index_of)
        return index_of.get(lock, 0)

    async def update(self, step: UpdateCustomer, run: Run) -> dict[str, LedgerEntry]:
        """A customer under the name and address that a newer order says; one of others, completed by it."""
        draft, made = step.draft, step.made
        try:
            if made.found:
                record = await self._attempts.api.get_customer(made.id)
                told = await self._complete(record, draft, run)
            else:
                await self._attempts.api.update_customer(made.id, _changes(draft, made))
                told = replace(_told(draft, run), id=made.id, twins=made.twins)
        except ApiRefused as refusal:
            if refusal.status in SAYS_NO_CUSTOMER:
                await self._must_exist(draft, made.id, run)
            raise
        # An order without the number says nothing against it.
        told = replace(told, registration=told.registration or made.registration, why=made.why)
        keys = [draft.key]
        if matched_by_email(draft, run.rules):
            lock, known = await self._lock(draft)
            keys += [lock] if known and known.id == made.id else []
        return await self._attempts.write(keys, told)

    async def bring_back(self, draft: CustomerDraft, customer_id: int, run: Run) -> None:
        """An invoice was refused, perhaps because its customer is archived: nothing in a record says so.
        Raises CustomerGone where it was deleted, and ApiRefused."""
        await self._must_exist(draft, customer_id, run)
        await self._attempts.api.unarchive_customer(customer_id)

    async def _must_exist(self, draft: CustomerDraft, customer_id: int, run: Run) -> None:
        """Raises CustomerGone when somebody deleted it; the ledger forgets it first."""
        try:
            gone = (await self._attempts.api.get_customer(customer_id)).soft_deleted
        except ApiRefused as exc:
            gone = exc.status == 404
        if gone:
            token = self._attempts.clock.token()
            await self._attempts.store.forget([*buyer_locks(draft), draft.key], customer_id, token)
            raise CustomerGone(because("customer_deleted", order=run.order.number, customer=customer_id))


def _told(draft: CustomerDraft, run: Run) -> LedgerEntry:
    """A customer as this order tells it, still without id."""
    return LedgerEntry(
        id=0,
        facts=facts_of(draft),
        as_of=run.order.placed_at.astimezone(UTC).isoformat(),
        entity=entity_of(draft),
        registration=registration_of(draft),
        why=draft.why,
    )


def _changes(draft: CustomerDraft, made: LedgerEntry) -> Fields:
    """What is written over a customer of ours; "" takes away what the order does not say."""
    fields = customer_fields(draft)
    del fields["api_id"], fields["api_custom"]
    if made.entity not in ("", entity_of(draft)):
        # Another buyer in law: nothing of the old one may stay, nor the short name that lists show.
        person = " ".join(fields[name] for name in ("first_name", "last_name") if name in fields)
        return dict.fromkeys(WHOLE, "") | fields | {"short_name": fields.get("company_name", person)}
    # An address is replaced as a whole, and a person has nothing of a company. The rest of what is not said
    # may have been completed by hand, and stays.
    gone = (*(ADDRESS if fields.keys() & {*ADDRESS} else ()), *(COMPANY if draft.individual else ()))
    return dict.fromkeys(gone, "") | fields


def _same_buyer(record: CustomerRecord, draft: CustomerDraft) -> bool:
    """A person; or the company of that name, unless each has a number and they differ."""
    if draft.individual:
        return record.individual
    written = str(customer_fields(draft)["company_name"])
    if record.individual or record.company_name.casefold() != written.casefold():
        return False
    there = registration(record.texts.get("vat_number", ""), record.texts.get("siret", ""))
    here = registration(draft.vat_number, draft.siret)
    return not (there and here) or there == here
