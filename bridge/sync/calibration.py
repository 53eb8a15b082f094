"""Finds out by which rule Facturation.pro rounds totals, and keeps it.

The rule is not documented. Draft invoices are made of lines whose totals the candidates tell apart, until one
rule is left and one draft more has confirmed it; each is read and deleted again, and so is the customer that
they needed. Workers do that by themselves: when the rule is not known yet, and when it did not hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from random import Random
from typing import Any, Final

import structlog

from bridge.billing.lessons import Contradiction
from bridge.billing.probes import Pick, Seen, explaining, telling
from bridge.billing.rounding import ALL, SUSPECTS, Rounding
from bridge.errors import BridgeError, NeedsPerson, OutcomeUnknown, RetryLater
from bridge.facturation.client import FacturationClient
from bridge.facturation.fields import api_id_of, line_fields
from bridge.orders import legal_date
from bridge.reasons import because
from bridge.store.calibrations import TERM, CalibrationPermit, Calibrations
from bridge.store.store import Store
from bridge.sync.exactly_once import Clock
from bridge.tasks import end

TITLE: Final = "Calibrage de la passerelle (brouillon à supprimer)"
MOST_DRAFTS: Final = 8
"""Two or three do, and those that confirm."""
CONFIRMATIONS: Final = 2
"""A rule that nobody thought of may give the total of a candidate by chance, but hardly three times."""
TICK: Final = 15.0
TURN: Final = 0.5
"""Seconds between two looks: whether there is something to do (a worker), whose turn it is (a person)."""
AWAY: Final = timedelta(minutes=1)
REFUSED: Final = timedelta(hours=6)
UNEXPLAINED: Final = timedelta(days=1)
"""After so long it is tried again: Facturation.pro did not answer; it did not want to; no rule fitted."""

log = structlog.get_logger("bridge.sync.calibration")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found. `left`: the rules, outlandish ones among them, that explain all that was `seen`."""

    left: frozenset[Rounding]
    seen: tuple[Seen, ...]

    @property
    def rule(self) -> Rounding | None:
        """The only one left, where it is a candidate."""
        return next(iter(self.left)) if len(self.left) == 1 and self.left <= ALL else None


class Calibrator:
    """Asks, for the whole firm, one process at a time. `pick`: chance."""

    def __init__(self, client: FacturationClient, store: Store, clock: Clock, pick: Pick) -> None:
        self._client = client
        self._store = store
        self._calibrations = Calibrations(store)
        self._clock = clock
        self._pick = pick

    def with_seed(self, seed: int) -> Calibrator:
        """The same, but for chance, which is the same each time."""
        return Calibrator(self._client, self._store, self._clock, Random(seed).randint)  # noqa: S311

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Looks again and again, beside the body, whether there is something to find out."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await end(task)

    async def _run(self) -> None:
        while True:
            try:
                await self.tend()
            except BridgeError as exc:
                log.info("calibration put off", step="calibrate", error=str(exc))
            except Exception:
                log.warning("unexpected", step="calibrate", exc_info=True)
            await asyncio.sleep(TICK)

    async def tend(self) -> Calibration | None:
        """Calibrates if that is due and nobody else is at it."""
        token = self._clock.token()
        permit = await self._calibrations.begin(token, asked=False)
        if permit is None:
            return None
        evidence = [Contradiction.read(permit.contradiction).seen] if permit.contradiction else []
        return await self._calibrate(token, permit, evidence)

    async def ask(self) -> Calibration:
        """Calibrates because a person wants it, whatever is known; waits for whoever is at it."""
        token = self._clock.token()
        for _ in range(ceil(TERM.total_seconds() / TURN) + 1):
            permit = await self._calibrations.begin(token, asked=True)
            found = await self._calibrate(token, permit, []) if permit else None
            if found:
                return found
            await asyncio.sleep(TURN)
        raise NeedsPerson(because("calibration_under_way"))

    async def _calibrate(
        self, token: str, permit: CalibrationPermit, evidence: Sequence[Seen]
    ) -> Calibration | None:
        try:
            if permit.left:
                await self._tidy_up(permit.left)
            found = None if permit.only_tidy else await self._find(token, evidence)
        except BridgeError as exc:
            tidy = False
            with suppress(BridgeError):
                await self._tidy_up(token)
                tidy = not isinstance(exc, OutcomeUnknown)
            again = AWAY if isinstance(exc, RetryLater) else REFUSED
            await self._calibrations.end(token, None, again=again, tidy=tidy)
            raise
        if found is None:
            await self._calibrations.end(token, None, again=timedelta(0), tidy=True)
            return None
        name = found.rule.name if found.rule else ""
        await self._calibrations.end(token, name, again=UNEXPLAINED, tidy=True)
        left = sorted(rule.name for rule in found.left)
        log.info("calibrated", step="calibrate", rule=name, left=left, drafts=len(found.seen))
        return found

    async def _find(self, token: str, evidence: Sequence[Seen]) -> Calibration:
        """Leaves nothing behind, unless something fails."""
        key = _key(token)
        fields = {"individual": True, "last_name": TITLE, "country": "FR", "language": "fr", **_identity(key)}
        customer = await self._client.create_customer(fields, before_send=_at_once)
        seen, left = list(evidence), explaining(evidence)
        confirmed = 0
        while left and confirmed < CONFIRMATIONS and len(seen) < MOST_DRAFTS + len(evidence):
            alone = len(left) == 1
            seen.append(await self._see(key, customer.id, SUSPECTS.values() if alone else left))
            confirmed += alone
            left = explaining(seen)
        await self._client.delete_customer(customer.id)
        return Calibration(left, tuple(seen))

    async def _see(self, key: str, customer_id: int, suspects: Iterable[Rounding]) -> Seen:
        lines = telling(self._pick, suspects)
        fields: dict[str, Any] = {
            **_identity(key),
            "customer_id": customer_id,
            "title": TITLE,
            "currency": "EUR",
            "language": "fr",
            "invoiced_on": legal_date(self._clock.now()).isoformat(),
            "items": [line_fields(line, at) for at, line in enumerate(lines, start=1)],
        }
        draft = await self._client.create_invoice(fields, mode="draft", before_send=_at_once)
        if draft.total_with_vat is None:
            raise NeedsPerson(because("draft_without_total", draft=draft.id))
        await self._client.delete_draft(draft.id)
        return Seen(lines, draft.total_with_vat, draft.total)

    async def _tidy_up(self, token: str) -> None:
        """Deletes what an attempt that did not come to its end has left."""
        key = _key(token)
        for draft in await self._client.find_invoices(api_id_of(key)):
            if draft.api_custom == key and draft.draft:
                await self._client.delete_draft(draft.id)
        for customer in await self._client.find_customers(api_id_of(key)):
            if customer.api_custom == key:
                await self._client.delete_customer(customer.id)


def _key(token: str) -> str:
    return f"bridge:calibration:{token}"


def _identity(key: str) -> dict[str, Any]:
    return {"api_id": api_id_of(key), "api_custom": key}


def _at_once() -> None:
    """A draft that is deleted again needs no deadline."""
