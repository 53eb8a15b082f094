"""The truth, in Redis: events, orders, what is due, leases, and the ledger of what exists in Facturation.pro.

Every operation is one Lua script, one round trip (`lua/`). Times are Redis' own. All raise
StoreUnavailable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import zstandard
from pydantic_core import to_json
from redis.asyncio import Redis

from bridge.errors import LeaseLost, StoreUnavailable
from bridge.failpoints import failpoint
from bridge.reasons import Reason
from bridge.sources.base import Identity
from bridge.store.values import (
    Asked,
    CreationPermit,
    Fate,
    HeldOrder,
    Lease,
    Outcome,
    Vitals,
    fate_of,
    moment,
    view_of,
    vitals_of,
)
from bridge.valkey.durability import Durability, look_at_durability, memory_used
from bridge.valkey.scripts import COMMON, Scripts, redis_errors

PREFIX: Final = "bridge:"
LEASE: Final = timedelta(seconds=5)
"""Of one order. Renewed by its holder; when the holder dies, others wait no longer than this."""
REHINT: Final = timedelta(seconds=5)
"""After so long without an answer the wake-up is sent again."""
RESTS: Final = timedelta(hours=6)
"""How long an order rests that waits for its shop's next word, before it is looked at all the same."""
ARCHIVE_AGE: Final = timedelta(hours=6)
"""The list of archived customers is asked for anew after so long."""
FULL: Final = 0.9
"""Past this share of maxmemory no event is taken: the rest is for those who finish what is stored."""
WAKE_UPS: Final = 500
"""So many jobs wait in arq at the most; the rest wait in `due`, first come first served."""
SCRIPTS: Final = (
    *("open", "mark_restored", "record", "take", "extend", "release", "fetched"),
    *("sweep", "claim_next", "vitals", "first_heard"),
    *("ledger", "begin", "replace_attempt", "clear", "done", "forget", "set_shop_verdict"),
    *("attach", "detach", "archived", "keep_archived", "rounding", "learn_rounding"),
    *("archived", "keep_archived", "rounding", "learn_rounding"),
    *("ask", "settle_question"),
)


class Store:
    """All that the bridge knows: each operation is one script, and durable once it returns."""

    def __init__(self, redis: Redis, *, retention: timedelta) -> None:
        self.redis = redis
        self._durable: bool | None = None
        self.memory_used = 0.0
        self._retention = retention
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._scripts = Scripts(redis, "store", SCRIPTS, COMMON)

    async def _run(self, name: str, *args: Any, keys: Sequence[str] = ()) -> Any:
        failpoint("store", name, "before")
        answer = await self._scripts.run(name, *args, keys=keys)
        failpoint("store", name, "after")
        return answer

    async def open(self) -> Durability:
        """Learns whether this Redis is durable; gives a new ledger its birth date."""
        durability = await look_at_durability(self.redis)
        self._durable = durability.durable
        await self._run("open", int(durability.durable))
        return durability

    async def mark_restored(self) -> tuple[datetime, datetime]:
        """Redis holds an old copy of its data: from now on every attempt before this moment counts as perhaps
        forgotten, and is looked up. Returns up to when that was so before, and up to when it is so now."""
        before, now = await self._run("mark_restored", await self._is_durable())
        return datetime.fromtimestamp(before / 1000, UTC), datetime.fromtimestamp(now / 1000, UTC)

    async def look_at_memory(self) -> None:
        """Keeps `memory_used` (share of maxmemory) true; `record` goes by it."""
        self.memory_used = await memory_used(self.redis)

    async def _is_durable(self) -> int:
        if self._durable is None:
            await self.open()
        return int(bool(self._durable))

    async def record(
        self,
        shop: str,
        platform: str,
        identity: Identity,
        headers: Mapping[str, str],
        body: bytes,
        *,
        found: bool = False,
        taken_in: bool = False,
    ) -> tuple[Fate, str]:
        """Keeps the event durably, once, and marks its order changed. Returns its fate and its order.

        `found`: in the platform's list; it gives way to what webhooks bring. `taken_in`: a person wants it.
        """
        if self.memory_used > FULL:
            raise StoreUnavailable(f"record: Redis is full ({self.memory_used:.0%} of maxmemory)")
        event_id = f"{shop}:{identity.event_id}"
        order, ignored, alarm, links = fate_of(shop, platform, identity)
        status, order_key = await self._run(
            "record",
            event_id,
            shop,
            platform,
            identity.topic,
            to_json(headers),
            self._compressor.compress(body),
            order,
            ignored,
            alarm,
            self._retention,
            REHINT,
            int(found),
            int(taken_in),
            *links,
            keys=[f"{PREFIX}event:{event_id}"],
        )
        return status.decode(), (order_key or b"").decode()

    async def take(self, lease: Lease) -> HeldOrder | None:
        """The order and its lease; None when another worker has it or nothing is due."""
        taken = await self._run("take", lease.order_key, lease.token, LEASE)
        return None if taken is None else view_of(taken[1], takes=taken[0])

    async def extend(self, lease: Lease) -> bool:
        """Renews the lease; False when it is lost."""
        return bool(await self._run("extend", lease.order_key, lease.token, LEASE))

    async def release(
        self,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: Reason,
        *,
        after: float = 0.0,
        counted: bool = False,
        calls: str = "",
        keep: Mapping[str, str] | None = None,
    ) -> HeldOrder | None:
        """Ends a run over an order. Returns its new view instead when it changed meanwhile: go round again.

        `after`: seconds, for WAITING. `calls`: the API calls of this run, JSON. `keep`: fields of the
        order for people (number, total, …).
        """
        pairs = [text for item in (keep or {}).items() for text in item]
        answer = await self._run(
            "release",
            lease.order_key,
            lease.token,
            view.version,
            outcome.value,
            reason.as_json(),
            int(after * 1000),
            int(counted),
            self._retention,
            calls,
            *pairs,
        )
        if answer[0] == b"lost":
            raise LeaseLost(lease.order_key)
        return view_of(answer[1], takes=view.takes) if answer[0] == b"changed" else None

    async def ledger(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The records of those documents that are known to exist, by key."""
        records = await self._run("ledger", *keys)
        return {key: json.loads(record) for key, record in zip(keys, records, strict=True) if record}

    async def keep_fetched(self, order_key: str, path: str, body: bytes) -> None:
        """Keeps an answer of the platform's API with the order; it comes back among its events."""
        await self._run("fetched", order_key, path, self._compressor.compress(body))

    async def begin(
        self,
        lease: Lease,
        key: str,
        attempt: str,
        placed_at: datetime,
        scope: str,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        """Asks for leave to create the document `key`; writes the intent when it is given.

        `scope`: the prefix of all keys of this shop. `payments`: ids of those that the order
        claims for itself, all or none. `concerned`: other orders, whose sales the document changes
        too. Raises LeaseLost.
        """
        placed = int(placed_at.timestamp() * 1000)
        answer = await self._run(
            "begin",
            key,
            lease.order_key,
            lease.token,
            attempt,
            placed,
            scope,
            await self._is_durable(),
            "\n".join(concerned),
            *payments,
        )
        match answer:
            case [b"done", record]:
                return CreationPermit(act="done", record=json.loads(record))
            case [b"busy"]:
                return CreationPermit(act="busy")
            case [b"claimed", other]:
                return CreationPermit(act="claimed", other=other.decode())
            case [b"post", name]:
                return CreationPermit(act="post", attempt=name.decode())
            case [b"lookup", age, name, unsure]:
                return CreationPermit(
                    act="lookup", attempt=name.decode(), age=max(0, age) / 1000, unsure=bool(unsure)
                )
            case _:
                raise LeaseLost(lease.order_key)

    async def replace_attempt(self, lease: Lease, key: str, current: str, attempt: str) -> None:
        """Puts a new attempt in the place of one that is settled. Raises LeaseLost when a rival did so."""
        if not await self._run("replace_attempt", key, lease.order_key, lease.token, current, attempt):
            raise LeaseLost(lease.order_key)

    async def clear(self, key: str, attempt: str) -> None:
        """This attempt is proven not to have happened."""
        await self._run("clear", key, attempt)

    async def done(self, keys: Sequence[str], record: Mapping[str, Any]) -> None:
        """The document exists, and this is known of it. Needs no lease: it is a fact."""
        await self._run("done", json.dumps(record, separators=(",", ":")), *keys)

    async def attach(self, order_key: str, key: str, record: Mapping[str, Any]) -> tuple[str, str]:
        """Counts a document in, under `key`: done, unknown, busy, begun, or attached and to which order."""
        what, *where = await self._run("attach", order_key, key, record["id"], json.dumps(record))
        return what.decode(), where[0].decode() if where else ""

    async def detach(self, order_key: str, key: str, document_id: int) -> str:
        """It is not counted any more: done, or unknown, or busy."""
        return str((await self._run("detach", order_key, key, document_id))[0].decode())

    async def forget(self, keys: Sequence[str], customer_id: int, attempt: str) -> None:
        """This customer was deleted. Entries that say so become `attempt`, of now: its outcome is unknown, so
        the buyer is looked up before a new customer is created. Needs no lease: it is a fact."""
        await self._run("forget", customer_id, attempt, *keys)

    async def set_shop_verdict(self, scope: str, *, clean: bool) -> None:
        """Keeps what was found out about a shop: `clean` when Facturation.pro holds nothing of ours for it,
        so that the ledger, though new, has forgotten nothing."""
        await self._run("set_shop_verdict", scope, "clean" if clean else "known", await self._is_durable())

    async def rounding(self) -> str:
        """See `FirmRounding.text`."""
        return str((await self._run("rounding")).decode())

    async def learn_rounding(self, before: str, after: str, contradiction: str) -> str:
        """Puts what a document's total taught in place of what was known `before`, unless somebody else was
        faster. `contradiction`: see `Contradiction`, "" when there is none. Returns what is known then."""
        return str((await self._run("learn_rounding", before, after, contradiction)).decode())

    async def ask(self, shop: str, kind: str, order_key: str, amount: Decimal) -> Asked | None:
        """The order raises a question of this kind. None when a person has answered it for the shop."""
        answer = await self._run("ask", shop, kind, order_key, int(amount * 100))
        if answer is None:
            return None
        asker, orders, cents = (part.decode() for part in answer)
        return Asked(asker=asker, orders=int(orders), amount=Decimal(cents) / 100)

    async def settle_question(self, shop: str, kind: str, order_key: str) -> None:
        """The order raises it no more: the others that did are gone over again."""
        await self._run("settle_question", shop, kind, order_key)

    async def archived_customer(self, buyer_lock: str) -> int | None:
        """The archived customer of this buyer_lock, 0 when there is none, None when the list is too old."""
        found = await self._run("archived", buyer_lock)
        return None if found is None else int(found)

    async def keep_archived_customers(self, index: Mapping[str, int]) -> None:
        """Keeps the list of archived customers, by buyer_lock, for some hours."""
        pairs = [str(part) for item in index.items() for part in item]
        await self._run("keep_archived", ARCHIVE_AGE, *pairs)

    async def sweep(self, worker: str) -> int:
        """Rings for what is due; returns for how many orders. Says that `worker` lives."""
        return int(await self._run("sweep", WAKE_UPS, REHINT, worker))

    async def claim_next(self) -> str:
        """Takes the next wake-up, past arq: the order that it rings for, or ""."""
        return (await self._run("claim_next") or b"").decode()

    async def vitals(self) -> Vitals:
        """What health and metrics look at."""
        return vitals_of(await self._run("vitals"))

    async def first_heard(self, shop: str) -> datetime | None:
        """When the bridge first heard from this shop."""
        return moment(await self._run("first_heard", shop))

    async def version(self) -> tuple[str, str]:
        """What the server is, "Redis" or "Valkey", and its version. Raises StoreUnavailable."""
        with redis_errors("version"):
            server = await self.redis.info("server")
        if "valkey_version" in server:
            return "Valkey", str(server["valkey_version"])
        return "Redis", str(server["redis_version"])

    async def check_writable(self) -> None:
        """Writes, durably, as an event would be. Raises StoreUnavailable with the reason."""
        if self.memory_used > FULL:
            raise StoreUnavailable(f"probe: Redis is full ({self.memory_used:.0%} of maxmemory)")
        with redis_errors("probe"):
            await self.redis.set(f"{PREFIX}probe", b"1", px=60_000)
