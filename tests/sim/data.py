"""What Redis holds, as dictionaries, with exactly the meaning of `bridge/store/lua/*.lua`.

Each method of `Data` is one script, atomic, at a time in milliseconds that it is told.
`tests/test_store_model.py` proves that the scripts and these methods stay equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from bridge.errors import LeaseLost
from bridge.orders import Event
from bridge.reasons import reason_from
from bridge.sources.base import ANSWER, Alarm, ForOrder, Identity, Ignored
from bridge.store.store import ARCHIVE_AGE, LEASE, REHINT, WAKE_UPS
from bridge.store.values import CreationPermit, HeldOrder, Lease, Outcome

LEASE_MS = int(LEASE.total_seconds() * 1000)
REHINT_MS = int(REHINT.total_seconds() * 1000)
ARCHIVE_AGE_MS = int(ARCHIVE_AGE.total_seconds() * 1000)
YOUNG_MS = 300_000
AHEAD_OF_US_MS = 7_200_000
BEAT_MS = 5_000
LONGEST_PAUSE_MS = 3_600_000
YOUNG_LEDGER_MS = 3_600_000
BELL_AGE_MS = 600_000
BELL_LIFE_MS = 60_000
AHEAD_MS = 30_000
BELLS_OF_NEWS = 2 * WAKE_UPS

RecordAnswer = tuple[Literal["accepted", "duplicate", "ignored"], str]


@dataclass(slots=True)
class StoredEvent:
    """`bridge:event:*`. `mortal`: it has a time to live."""

    topic: str
    at: int
    headers: dict[str, str]
    body: bytes
    order: str
    note: str = ""
    mortal: bool = False


@dataclass(slots=True)
class StoredOrder:
    """`bridge:order:*`, as far as the protocol reads it; `kept`: fields for people."""

    version: int = 0
    created: int = 0
    takes: int = 0
    attempts: int = 0
    failing_since: int = 0
    state: str = ""
    reason: str = ""
    lane: str = ""
    done: int = 0
    further: tuple[str, ...] = ()
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """`bridge:ledger:*`."""

    state: str
    at: int
    attempt: str = ""
    owner: str = ""
    record: str = ""
    witnessed: int | None = None


@dataclass(slots=True)
class Data:
    """Everything in Redis. `run`: Redis' run_id; `rings`: orders rung for by the script in hand."""

    run: str = "1"
    events: dict[str, StoredEvent] = field(default_factory=dict)
    orders: dict[str, StoredOrder] = field(default_factory=dict)
    events_of: dict[str, list[str]] = field(default_factory=dict)
    fetched: dict[str, dict[str, bytes]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    leases: dict[str, tuple[str, int]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    attention: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    queue: dict[str, int] = field(default_factory=dict)
    first_heard: dict[str, int] = field(default_factory=dict)
    known_run: str = ""
    born: int = 0
    trusted_since: int = 0
    trusted_witnessed: int = 0
    seen: int | None = None
    witnessed: int = 1
    verdicts: dict[str, tuple[int, str]] = field(default_factory=dict)
    archived: tuple[dict[str, int], int] | None = None
    rounding: str = ""
    questions: dict[tuple[str, str], tuple[str, dict[str, int]]] = field(default_factory=dict)
    answers: dict[str, set[str]] = field(default_factory=dict)
    contradiction: tuple[int, str] = (0, "")
    payments: dict[str, str] = field(default_factory=dict)
    attached: dict[int, tuple[str, str]] = field(default_factory=dict)
    paused_until: int = 0
    rings: list[tuple[str, str]] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------ common.lua

    def _ring(self, key: str, now: int, ahead: int = 0) -> None:
        wake_up = f"s:{key}:{now}"
        self.queue[wake_up] = now - BELL_AGE_MS - ahead
        self.rings.append((wake_up, key))

    def _holder(self, key: str, now: int) -> str:
        """Whose lease of the order runs, or ""."""
        token, until = self.leases.get(key, ("", 0))
        return token if until > now else ""

    def _file(self, key: str, state: str, now: int) -> None:
        """`file` and, without a state that has a list of its own, `unfile`."""
        for name, scores in (("attention", self.attention), ("open", self.open), ("ignored", self.ignored)):
            scores.pop(key, None)
            if name == state:
                scores[key] = now

    def floor_at(self, durable: bool, now: int) -> int:
        if self.known_run == self.run:
            return self.trusted_since
        if not self.known_run:
            self.born = now
        if not self.known_run or not durable:
            self._trust_from(now, self.witness(now))
        self.known_run = self.run
        return self.trusted_since

    def _trust_from(self, now: int, witnessed: int) -> None:
        self.trusted_since, self.trusted_witnessed = now, witnessed

    def witness(self, now: int) -> int:
        """The time that somebody has seen pass, ms."""
        passed = now - (now if self.seen is None else self.seen)
        self.seen, self.witnessed = now, self.witnessed + min(max(passed, 0), BEAT_MS)
        if passed < -BEAT_MS:
            self.due = {key: at + passed for key, at in self.due.items()}
            self.queue.clear()
        if abs(passed) > 3 * BEAT_MS and self.witnessed < YOUNG_LEDGER_MS and self.trusted_since:
            self._trust_from(now, self.witnessed)
        return self.witnessed

    def _verdict(self, scope: str, trusted_since: int) -> str:
        at, verdict = self.verdicts.get(scope, (-1, ""))
        return verdict if at == trusted_since else ""

    def _view(self, key: str, takes: int) -> HeldOrder:
        order = self.orders.get(key) or StoredOrder()
        events = [
            Event(
                id=name.partition(":")[2],
                topic=stored.topic,
                body=stored.body,
                received_at=_moment(stored.at),
                headers=stored.headers,
            )
            for name in self.events_of.get(key, ())
            if (stored := self.events.get(name))
        ]
        events += [
            Event(id=path, topic=ANSWER, body=body, received_at=_moment(order.created))
            for path, body in self.fetched.get(key, {}).items()
        ]
        heard = self.first_heard.get(key.split(":")[1], 0)
        begun = self.entries.get(key)
        return HeldOrder(
            version=order.version,
            attempts=order.attempts,
            takes=takes,
            failing_since=_moment(order.failing_since) if order.failing_since else None,
            first_heard=_moment(heard) if heard else None,
            ours=begun is not None and begun.state in ("intent", "done"),
            number=order.kept.get("number", ""),
            placed_at=datetime.fromisoformat(order.kept["placed"]) if order.kept.get("placed") else None,
            documents=tuple(key for _, key, _ in json.loads(order.kept.get("documents") or "[]")),
            rounding=self.rounding,
            reason=reason_from(order.reason),
            lane=order.lane,
            further=order.further,
            events=tuple(events),
        )

    # --------------------------------------------------------------------------------------------- scripts

    def record(
        self,
        now: int,
        shop: str,
        platform: str,
        identity: Identity,
        headers: Mapping[str, str],
        body: bytes,
        *,
        found: bool = False,
    ) -> RecordAnswer:
        """record.lua"""
        name = f"{shop}:{identity.event_id}"
        if name in self.events:
            return "duplicate", self.events[name].order
        order = ""
        tied: tuple[str, ...] = ()
        match identity:
            case ForOrder():
                order, tied = identity.order_key or "", identity.links
            case Alarm():
                order = f"{platform}:{shop}:event:{identity.event_id}"
        self.first_heard[shop] = min(now, self.first_heard.get(shop, now))
        links = [f"{shop}:{link}" for link in tied]
        orphans = f"{platform}:{shop}:payment:"
        if not order and links:
            order = f"{orphans}{tied[0]}"
            for link in links:
                if order.startswith(orphans):
                    order = self._led_to(link) or order
        led_to = dict.fromkeys(self._led_to(link) for link in links)
        adopted = [key for key in led_to if key != order and key.startswith(orphans) and key in self.orders]
        stored = StoredEvent(identity.topic, now, dict(headers), body, order)
        self.events[name] = stored
        if isinstance(identity, Ignored):
            stored.note, stored.mortal = identity.reason.as_json(), True
            return "ignored", ""
        for link in links:
            self.links.setdefault(link, order)
        for orphan in adopted:
            self._adopt(orphan, order)
            self.links[f"{shop}:{orphan}"] = order
        known = self.orders.get(order)
        if known and known.state:
            for other in self.events_of.get(order, ()):
                self.events[other].mortal = False
        self.events_of.setdefault(order, []).append(name)
        known = self.orders.setdefault(order, StoredOrder())
        in_hand = known.version > 0 and not known.state
        known.version += 1
        known.created = known.created or now
        self.listed[order] = now
        if isinstance(identity, Alarm):
            known.state, known.reason = "attention", identity.reason.as_json()
            self._file(order, "attention", now)
            return "accepted", order
        known.state, known.failing_since, known.attempts = "", 0, 0
        if not (found and in_hand):
            known.lane = "backfill" if found else ""
        self._file(order, "", now)
        self.waiting.setdefault(order, now)
        if not found and len(self.queue) < BELLS_OF_NEWS:
            self.due[order] = now + REHINT_MS
            self._ring(order, now, AHEAD_MS)
        else:
            self.due[order] = now
        return "accepted", order

    def _led_to(self, link: str) -> str:
        """Where a link leads: to an order, or to the one that has adopted that since."""
        key, onward = "", self.links.get(link, "")
        while onward:
            key, onward = onward, self.links.get(f"{link.partition(':')[0]}:{onward}", "")
        return key

    def _adopt(self, orphan: str, order: str) -> None:
        for other in self.events_of.pop(orphan, ()):
            self.events_of.setdefault(order, []).append(other)
            self.events[other].order = order
            self.events[other].mortal = False
        self.orders.pop(orphan, None)
        for scores in (self.due, self.waiting, self.listed):
            scores.pop(orphan, None)
        self._file(orphan, "", 0)

    def take(self, now: int, lease: Lease) -> HeldOrder | None:
        """take.lua"""
        key = lease.order_key
        if key not in self.orders:
            self.due.pop(key, None)
            return None
        if key not in self.due:
            return None
        if self._holder(key, now):
            token, until = self.leases[key]
            self.leases[key] = (token, min(until, now + LEASE_MS))
            return None
        self.leases[key] = (lease.token, now + LEASE_MS)
        self.due[key] = now + LEASE_MS + 200
        self.orders[key].takes += 1
        return self._view(key, self.orders[key].takes)

    def extend(self, now: int, lease: Lease) -> bool:
        """extend.lua"""
        key = lease.order_key
        if self._holder(key, now) != lease.token:
            return False
        self.leases[key] = (lease.token, now + LEASE_MS)
        if key in self.due:
            self.due[key] = now + LEASE_MS + 200
        return True

    def release(
        self,
        now: int,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: str,
        after_ms: int,
        counted: bool,
        keep: Mapping[str, str],
    ) -> HeldOrder | None:
        """release.lua"""
        key = lease.order_key
        if self._holder(key, now) != lease.token:
            raise LeaseLost(key)
        order = self.orders.get(key)
        if order is None:  # adopted by another one
            del self.leases[key]
            return None
        version = order.version
        if version != view.version and outcome is not Outcome.WAITING:
            return self._view(key, view.takes)
        order.state, order.reason, order.takes = outcome.value, reason, 0
        order.kept.update(keep)
        del self.leases[key]
        if outcome is Outcome.WAITING:
            self.due[key] = now + (after_ms if version == view.version else 0)
            order.attempts += counted
            if counted:
                order.failing_since = order.failing_since or now
            return None
        order.attempts, order.failing_since, order.lane, order.done = 0, 0, "", order.version
        self.due.pop(key, None)
        self.waiting.pop(key, None)
        self._file(key, outcome.value, now)
        if outcome is Outcome.ATTENTION:
            return None
        for name in self.events_of.get(key, ()):
            self.events[name].mortal = True
        return None

    def keep_fetched(self, order_key: str, path: str, body: bytes) -> None:
        """fetched.lua"""
        self.fetched.setdefault(order_key, {})[path] = body

    def ledger(self, keys: Sequence[str]) -> dict[str, str]:
        """ledger.lua"""
        known = ((key, self.entries.get(key)) for key in keys)
        return {key: entry.record for key, entry in known if entry and entry.state == "done"}

    def begin(
        self,
        now: int,
        lease: Lease,
        key: str,
        attempt: str,
        placed_ms: int,
        scope: str,
        durable: bool,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        """begin.lua"""
        order = lease.order_key
        if self._holder(order, now) != lease.token:
            raise LeaseLost(order)
        own = [order] if key.startswith(f"{order}:") else []
        for each in (self.orders[name] for name in (*own, *concerned) if name in self.orders):
            if key not in each.further:
                each.further = (*each.further, key)
        witnessed = self.witness(now)
        entry = self.entries.get(key)
        state = entry.state if entry else ""
        if entry and state == "done":
            return CreationPermit(act="done", record=json.loads(entry.record))
        trusted_since = self.floor_at(durable, now)
        verdict = self._verdict(scope, trusted_since)
        if verdict == "clean":
            trusted_since = 0
            if entry and entry.attempt == "?":
                state = ""
        if entry and state == "intent" and entry.owner != order and self._holder(entry.owner, now):
            return CreationPermit(act="busy")
        for payment in payments:
            rival = self._rival(payment, order)
            if rival:
                return CreationPermit(act="claimed", other=rival)
        self.payments |= dict.fromkeys(payments, order)
        known_time = trusted_since + YOUNG_MS <= placed_ms <= now + AHEAD_OF_US_MS
        forgotten = not state and verdict != "clean" and not known_time
        if forgotten or (entry and state and entry.at < trusted_since):
            state = "intent"
            since = max((entry and entry.witnessed) or 0, self.trusted_witnessed)
            entry = self.entries[key] = Entry(
                state, trusted_since, (entry and entry.attempt) or "?", order, witnessed=since
            )
        if entry and state == "intent":
            unsure = entry.attempt == "?" and not verdict
            if entry.witnessed is None:
                entry.witnessed = witnessed - max(0, now - entry.at)
            age = (witnessed - entry.witnessed) / 1000
            return CreationPermit(act="lookup", attempt=entry.attempt, age=age, unsure=unsure)
        self.entries[key] = Entry("intent", now, attempt, order, witnessed=witnessed)
        return CreationPermit(act="post", attempt=attempt)

    def _rival(self, payment: str, order: str) -> str:
        """Whose the payment is, if not this order's."""
        other = self.payments.get(payment, order)
        owner = self.orders.get(other)
        asleep = owner is None or owner.state == "ignored"
        document = self.entries.get(other)
        at_work = document is not None and document.state in ("intent", "done")
        return "" if other == order or (asleep and not at_work) else other

    def replace_attempt(self, now: int, lease: Lease, key: str, current: str, attempt: str) -> None:
        """replace_attempt.lua"""
        entry = self.entries.get(key)
        held = self._holder(lease.order_key, now) == lease.token
        if not held or entry is None or entry.state != "intent" or entry.attempt != current:
            raise LeaseLost(lease.order_key)
        entry.at, entry.attempt, entry.owner = now, attempt, lease.order_key
        entry.witnessed = self.witness(now)

    def clear(self, key: str, attempt: str) -> None:
        """clear.lua"""
        entry = self.entries.get(key)
        if entry and entry.state == "intent" and entry.attempt == attempt:
            entry.state = "clear"

    def done(self, now: int, keys: Sequence[str], record: Mapping[str, Any]) -> None:
        """done.lua"""
        for key in keys:
            self.entries[key] = Entry("done", now, record=json.dumps(record))

    def attach(self, now: int, order_key: str, key: str, record: Mapping[str, Any]) -> tuple[str, str]:
        """attach.lua"""
        order, entry, id_ = self.orders.get(order_key), self.entries.get(key), record["id"]
        if order is None:
            return "unknown", ""
        if id_ in self.attached:
            return "attached", self.attached[id_][0]
        if self._holder(order_key, now):
            return "busy", ""
        if entry and entry.state in ("intent", "done"):
            return "begun", ""
        self.attached[id_] = order_key, key
        self.entries[key] = Entry("done", now, record=json.dumps(record))
        if key not in (order_key, *order.further):
            order.further = (*order.further, key)
        return "done", ""

    def detach(self, now: int, order_key: str, key: str, document_id: int) -> str:
        """detach.lua"""
        if self.attached.get(document_id) != (order_key, key):
            return "unknown"
        if self._holder(order_key, now):
            return "busy"
        del self.attached[document_id]
        self.entries.pop(key, None)
        order = self.orders[order_key]
        order.further = tuple(each for each in order.further if each != key)
        return "done"

    def forget(self, now: int, keys: Sequence[str], customer_id: int, attempt: str) -> None:
        """forget.lua"""
        witnessed = self.witness(now)
        for key in keys:
            entry = self.entries.get(key)
            if entry and entry.state == "done" and json.loads(entry.record)["id"] == customer_id:
                self.entries[key] = Entry("intent", now, attempt, witnessed=witnessed)

    def judge(self, now: int, scope: str, clean: bool, durable: bool) -> None:
        """set_shop_verdict.lua"""
        trusted_since = self.floor_at(durable, now)
        if not self._verdict(scope, trusted_since):
            self.verdicts[scope] = (trusted_since, "clean" if clean else "known")

    def learn_rounding(self, now: int, before: str, after: str, contradiction: str) -> str:
        """learn_rounding.lua"""
        if self.rounding == before:
            self.rounding = after
            if contradiction:
                self.contradiction = (now, contradiction)
        return self.rounding

    def ask(self, shop: str, kind: str, key: str, cents: int) -> tuple[str, int, int] | None:
        """ask.lua"""
        if kind in self.answers.get(shop, ()):
            return None
        asker, raised = self.questions.get((shop, kind), (key, {}))
        raised[key] = cents
        state = self.orders[asker].state if asker != key and asker in self.orders else ""
        if state and state != "attention":
            asker, state = key, ""
        self.questions[shop, kind] = (asker, raised)
        cents = sum(raised.values())
        if state:
            told = re.sub('"orders":"[^"]*"', f'"orders":"{len(raised)}"', self.orders[asker].reason, count=1)
            self.orders[asker].reason = re.sub(
                '"amount":"[^"]*"', f'"amount":"{cents / 100:.2f}"', told, count=1
            )
        return asker, len(raised), cents

    def settle_question(self, now: int, shop: str, kind: str, key: str) -> None:
        """settle_question.lua"""
        _, raised = self.questions.pop((shop, kind), ("", {}))
        for other in sorted(raised.keys() - {key}):
            order = self.orders.get(other, StoredOrder())
            if order.state in ("open", "attention"):
                order.version += 1
                order.state, order.attempts, order.failing_since, order.takes = "", 0, 0, 0
                for listed in (self.attention, self.open, self.ignored):
                    listed.pop(other, None)
                self.waiting.setdefault(other, now)
                self.due[other] = now

    def archived_customer(self, now: int, buyer_lock: str) -> int | None:
        """archived.lua"""
        if self.archived is None or self.archived[1] <= now:
            return None
        return self.archived[0].get(buyer_lock, 0)

    def keep_archived_customers(self, now: int, index: Mapping[str, int]) -> None:
        """keep_archived.lua"""
        self.archived = (dict(index), now + ARCHIVE_AGE_MS)

    def sweep(self, now: int, worker: str, limit: int = WAKE_UPS) -> int:
        """sweep.lua"""
        self.witness(now)
        self.workers[worker] = now
        _drop(self.workers, now - 60_000)
        _drop(self.queue, now - BELL_AGE_MS - BELL_LIFE_MS)
        room = limit - len(self.queue)
        if room <= 0 or not self.due:
            return 0
        due = sorted([(at, key) for key, at in self.due.items() if at <= now])[:room]
        for _, key in due:
            self.due[key] = now + REHINT_MS
            self._ring(key, now)
        return len(due)

    # ------------------------------------------------------- not scripts of the store, but in the same Redis

    def pause(self, now: int, seconds: float) -> None:
        """quota.lua, `pause`: nobody sends for so long."""
        self.paused_until = now + max(self.paused(now), int(seconds * 1000))

    def paused(self, now: int) -> int:
        """For how long nobody may send, ms; an end too far ahead is from before the clock was set back."""
        left = self.paused_until - now
        return left if 0 < left <= LONGEST_PAUSE_MS else 0

    def retry(self, now: int, key: str) -> None:
        """A person has looked at an order that asked for attention: it is due again."""
        self._file(key, "", now)
        self.orders[key].state = ""
        self.waiting.setdefault(key, now)
        self.due[key] = now


def _drop(scores: dict[str, int], until: int) -> None:
    """ZREMRANGEBYSCORE key -inf until"""
    if scores and min(scores.values()) <= until:
        for name in [name for name, score in scores.items() if score <= until]:
            del scores[name]


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
