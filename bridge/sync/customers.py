"""The buyer exists once, under the name that the law knows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from bridge.billing.customers import entity_of, facts_of, matched_by_email
from bridge.billing.drafts import CustomerDraft
from bridge.billing.made import LedgerEntry
from bridge.billing.rules import Rules
from bridge.billing.steps import EnsureCustomer, UpdateCustomer
from bridge.errors import ApiRefused, CustomerGone
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
        by_email, entity = matched_by_email(draft, run.rules), entity_of(draft)
        keys = _keys(draft, run.rules)
        if by_email:
            known = (await self._attempts.store.ledger(keys[:1])).get(keys[0])
            if known:
                return await self._attempts.write(
                    keys[1:], replace(LedgerEntry.from_record(known), entity=entity)
                )
            made = await self._find_by_email(draft)
            if made:
                return await self._attempts.write(keys, made)
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        base = LedgerEntry(id=0, facts=facts_of(draft), as_of=as_of, entity=entity, why=draft.why)

        async def look_up() -> LedgerEntry | None:
            records = await self._attempts.api.find_customers(api_id_of(draft.key))
            mine = sorted(
                record.id
                for record in records
                if record.api_custom == draft.key and (not by_email or _same_buyer(record, draft))
            )
            if mine:
                return replace(base, id=mine[0], twins=tuple(mine[1:]))
            return await self._find_by_email(draft) if by_email else None

        async def create(before_send: BeforeSend) -> LedgerEntry:
            record = await self._attempts.api.create_customer(customer_fields(draft), before_send=before_send)
            return replace(base, id=record.id)

        return await self._attempts.ensure(run, keys, look_up, create, since=None if by_email else EVER)

    async def _find_by_email(self, draft: CustomerDraft) -> LedgerEntry | None:
        """A customer of exactly this e-mail who is the same kind of buyer: a person, or this company."""
        records = await self._attempts.api.find_customers_by_email(draft.email)
        same = sorted(record.id for record in records if _same_buyer(record, draft))
        found = LedgerEntry(id=0, found=True, entity=entity_of(draft))
        if same:
            return replace(found, id=same[0], why=("client trouvé par son e-mail exact", *draft.why))
        archived = await self._archived(buyer_lock_of(draft))
        if not archived:
            return None
        try:
            await self._attempts.api.unarchive_customer(archived)
        except ApiRefused as exc:
            if exc.status == 404:  # deleted since it was listed
                return None
            raise
        why = ("client archivé trouvé par son e-mail, rétabli", *draft.why)
        return replace(found, id=archived, why=why)

    async def _archived(self, buyer_lock: str) -> int:
        """The archived customer of this buyer, or 0. Asked of a list kept for hours: a look-up in the
        archive for each new buyer would cost a call an order."""
        index = await self._attempts.store.archived_customer(buyer_lock)
        if index is not None:
            return index
        index_of = {
            _fence("" if record.individual else record.company_name, email): record.id
            for record in await self._attempts.api.archived_customers()
            for email in record.emails
        }
        await self._attempts.store.keep_archived_customers(index_of)
        return index_of.get(buyer_lock, 0)

    async def update(self, step: UpdateCustomer, run: Run) -> dict[str, LedgerEntry]:
        """A customer of ours under the name and address that a newer order says."""
        draft = step.draft
        try:
            await self._attempts.api.update_customer(step.made.id, _changes(draft, step.made))
        except ApiRefused as refusal:
            if refusal.status in SAYS_NO_CUSTOMER:
                await self._must_exist(draft, step.made.id, run)
            raise
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        made = replace(step.made, facts=facts_of(draft), as_of=as_of, entity=entity_of(draft))
        return await self._attempts.write([draft.key], made)

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
            await self._attempts.store.forget(_keys(draft, run.rules), customer_id, token)
            raise CustomerGone(because("customer_deleted", order=run.order.number, customer=customer_id))


def _keys(draft: CustomerDraft, rules: Rules) -> list[str]:
    """The ledger keys that know the buyer, first the one that guards the creation."""
    return [buyer_lock_of(draft), draft.key] if matched_by_email(draft, rules) else [draft.key]


def buyer_lock_of(draft: CustomerDraft) -> str:
    """The ledger key that all orders of one buyer share, so that two first orders make one customer."""
    return _fence("" if draft.individual else str(customer_fields(draft)["company_name"]), draft.email)


def _fence(company: str, email: str) -> str:
    who = f"{company.casefold()}|{email.strip().casefold()}"
    return f"buyer:{hashlib.sha256(who.encode()).hexdigest()[:32]}"


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
    if draft.individual:
        return record.individual
    written = str(customer_fields(draft)["company_name"])
    return not record.individual and record.company_name.casefold() == written.casefold()
