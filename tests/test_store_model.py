"""The store and its model in the simulator are the same thing: whatever is done to both, both answer alike
and hold the same afterwards.

Time is the test's: the scripts read it from a key in place of Redis' clock, and a lease, which is a time to
live and therefore Redis' own, ends when the model says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis.asyncio import Redis

from bridge.errors import LeaseLost
from bridge.reasons import because, reason_from
from bridge.sources.base import Alarm, ForOrder, Identity, Ignored
from bridge.store.store import LEASE, PREFIX, WAKE_UPS, Store
from bridge.store.values import HeldOrder, Lease, Outcome
from tests.sim.data import BELLS_OF_NEWS, LEASE_MS, Data, StoredOrder

T = TypeVar("T")
START = int(datetime(2026, 11, 22, 9, 0, tzinfo=UTC).timestamp() * 1000)
NOW_KEY = "test:now"
SHOP = "boutique"
SCOPES = [f"shopify:{SHOP}:", "shopify:galerie:"]
ORDERS = [f"shopify:{SHOP}:order:{n}" for n in (1, 2, 3)]
PAYMENTS = ("pi_1", "pi_2")
"""Orders of the model vie for them."""
DOCUMENTS = ["document-1", "document-2"]

documents = st.sampled_from(DOCUMENTS)
scopes = st.sampled_from(SCOPES)
links = st.lists(st.sampled_from(["pi", "ch", "re"]), max_size=2, unique=True).map(tuple)
pauses = st.sampled_from([1, 200, 5_000, 5_100, 30_000, 60_500, 300_000, 655_000])
which = st.integers(0, 9)
"""One of those that there are, by number."""


def with_a_clock_of_ours(redis: Redis, store: Store) -> None:
    """Its scripts as they are, but for the line that reads the clock."""
    common = (files("bridge") / "store" / "lua" / "common.lua").read_text()
    clock = "local t = redis.call('TIME')\n  return t[1] * 1000 + math.floor(t[2] / 1000)"
    assert clock in common
    ours = common.replace(clock, f"return tonumber(redis.call('GET', '{NOW_KEY}'))")
    for name in store._scripts.by_name:
        text = (files("bridge") / "store" / "lua" / f"{name}.lua").read_text()
        store._scripts.by_name[name] = redis.register_script(ours + text)


class Both(RuleBasedStateMachine):
    """Does everything twice."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.redis = Redis.from_url(self.url)
        self.run(self.redis.flushall())
        self.store = Store(self.redis, retention=timedelta(days=400))
        with_a_clock_of_ours(self.redis, self.store)
        self.data = Data()
        self.now = START
        self.sent = 0
        self.attempts = 0
        self.views: dict[str, tuple[Lease, HeldOrder]] = {}
        self.move(0)

    def teardown(self) -> None:
        self.run(self.redis.aclose())
        self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(coroutine)

    def outcome(self, coroutine: Coroutine[Any, Any, T]) -> T | type[LeaseLost]:
        try:
            return self.run(coroutine)
        except LeaseLost:
            return LeaseLost

    # ---------------------------------------------------------------------------------------------- time

    @initialize(durable=st.booleans())
    def begin_to_exist(self, durable: bool) -> None:
        self.durable(durable)
        for order in ORDERS:
            self.an_event_comes(order, (), False, "")
            self.an_order_is_taken(0, True)

    @rule(ms=pauses)
    def time_passes(self, ms: int) -> None:
        self.move(ms)

    @rule(ms=st.sampled_from([-172_800_000, -600_000, -4_000, 600_000, 172_800_000]))
    def the_clock_steps(self, ms: int) -> None:
        self.someone_sweeps("w1", 0)
        self.move(ms)
        self.someone_sweeps("w1", 0)

    def move(self, ms: int) -> None:
        """Leases whose time has come end here: in Redis they last as long as the test."""
        self.now += ms
        self.run(self.redis.set(NOW_KEY, self.now))
        over = [key for key, (_, until) in self.data.leases.items() if until <= self.now]
        for key in over:
            del self.data.leases[key]
        if over:
            self.run(self.redis.delete(*(f"{PREFIX}lease:{key}" for key in over)))

    @rule(durable=st.booleans())
    def redis_is_restarted(self, durable: bool) -> None:
        """Its run id is another one, and so may be what is known of its durability."""
        self.data.known_run = "gone" if self.data.known_run else ""
        if self.data.known_run:
            self.run(self.redis.hset(f"{PREFIX}meta", "run", "gone"))
        self.durable(durable)

    def durable(self, durable: bool) -> None:
        self.is_durable = durable
        self.store._durable = durable

    # -------------------------------------------------------------------------------------------- events

    @rule(
        order=st.sampled_from([*ORDERS, ""]),
        links=links,
        again=st.sampled_from([False, False, False, True]),
        fate=st.sampled_from(["", "", "", "", "i", "a"]),
        found=st.sampled_from([False, False, True]),
    )
    def an_event_comes(
        self, order: str, links: tuple[str, ...], again: bool, fate: str, found: bool = False
    ) -> None:
        self.sent += not (again and self.sent)
        event_id, topic = f"e{self.sent}", "orders/paid"
        identity: Identity = ForOrder(
            event_id=event_id, topic=topic, order_key=order or (None if links else ORDERS[0]), links=links
        )
        if fate:
            kind = Ignored if fate == "i" else Alarm
            identity = kind(event_id=event_id, topic=topic, reason=because("told", text="look"))
        body = f"body of {self.sent}".encode()
        told = self.run(self.store.record(SHOP, "shopify", identity, {"x": "y"}, body, found=found))
        assert told == self.data.record(self.now, SHOP, "shopify", identity, {"x": "y"}, body, found=found)

    @rule(worker=st.sampled_from(["w1", "w2"]), after=st.sampled_from([0, 1_000, 60_500]))
    def someone_sweeps(self, worker: str, after: int) -> None:
        assert self.run(self.store.sweep("w3")) == self.data.sweep(self.now, "w3")
        self.move(after)
        assert self.run(self.store.sweep(worker)) == self.data.sweep(self.now, worker)

    @rule(wake_ups=st.sampled_from([WAKE_UPS - 1, WAKE_UPS, BELLS_OF_NEWS]))
    def arq_is_behind(self, wake_ups: int) -> None:
        """So many wake-ups ring already, as the next event comes and as someone sweeps. Then all are lost."""
        queued = {f"s:another:{n}": self.now - 600_000 for n in range(wake_ups)}
        self.run(self.redis.delete("arq:queue"))
        self.run(self.redis.zadd("arq:queue", queued))
        self.data.queue = dict(queued)
        self.an_event_comes(ORDERS[1], (), False, "")
        self.both_hold_the_same()
        self.someone_sweeps("w1", 0)
        self.both_hold_the_same()
        self.run(self.redis.delete("arq:queue"))
        self.data.queue.clear()

    @rule(order=st.sampled_from(ORDERS), outcome=st.none() | st.sampled_from(list(Outcome)))
    def a_payment_finds_its_order(self, order: str, outcome: Outcome | None) -> None:
        """It came first, as an order of its own, and someone was at it, or done with it, when that came."""
        link = f"pi-{self.sent}"
        orphan = f"shopify:{SHOP}:payment:{link}"
        self.an_event_comes("", (link, "ch"), False, "")
        if orphan not in self.data.due:
            return  # it was led elsewhere
        self.an_order_is_taken(sorted(self.free()).index(orphan), True)
        at = list(self.views).index(orphan)
        if outcome:
            self.an_order_is_released(at, outcome, 0.0, False, {}, among=list(self.views))
        self.an_event_comes(order, (link,), False, "")
        self.a_lease_is_extended(at, among=list(self.views))
        self.an_event_comes("", ("ch",), False, "")
        self.an_order_is_released(at, Outcome.WAITING, 2.0, False, {}, among=list(self.views))

    # -------------------------------------------------------------------------------------------- orders

    @rule(which=which, due=st.sampled_from([True, True, True, False]))
    def an_order_is_taken(self, which: int, due: bool) -> None:
        free = self.free()
        known = free if due and free else sorted({*self.data.orders, *self.data.due, "unknown"})
        key = known[which % len(known)]
        self.attempts += 1
        lease = Lease(order_key=key, token=f"token-{self.attempts}")
        view = self.run(self.store.take(lease))
        assert view == self.data.take(self.now, lease)
        if view:
            self.run(self._keep_lease(key))
            self.views[key] = (lease, view)

    def free(self) -> list[str]:
        """Orders that may be taken."""
        return [key for key in sorted(self.data.due) if key not in self.data.leases]

    def held(self, which: int, among: list[str] | None = None) -> tuple[Lease, HeldOrder]:
        """A lease that someone has, or had; `among` these, where it is given."""
        if among:
            return self.views[among[which]]
        valid = [view for key, view in self.views.items() if key in self.data.leases]
        known = valid if valid and which < 8 else list(self.views.values())
        return known[which % len(known)]

    @rule(which=which)
    def a_lease_is_extended(self, which: int, among: list[str] | None = None) -> None:
        lease, _ = self.held(which, among)
        held = self.run(self.store.extend(lease))
        assert held == self.data.extend(self.now, lease)
        if held:
            self.run(self._keep_lease(lease.order_key))

    async def _keep_lease(self, key: str) -> None:
        """It was given its time; from here on the model counts it."""
        name = f"{PREFIX}lease:{key}"
        assert LEASE_MS - 2_000 < await self.redis.pttl(name) <= LEASE.total_seconds() * 1000
        await self.redis.persist(name)

    @rule(
        which=which,
        outcome=st.sampled_from(list(Outcome)),
        after=st.sampled_from([0.0, 2.0, 120.0]),
        counted=st.booleans(),
        kept=st.sampled_from([{}, {"number": "#1"}]),
    )
    def an_order_is_released(
        self,
        which: int,
        outcome: Outcome,
        after: float,
        counted: bool,
        kept: dict[str, str],
        among: list[str] | None = None,
    ) -> None:
        lease, view = self.held(which, among)
        told = self.outcome(
            self.store.release(
                lease, view, outcome, reason_from("why"), after=after, counted=counted, keep=kept
            )
        )
        expected: HeldOrder | type[LeaseLost] | None
        try:
            expected = self.data.release(
                self.now, lease, view, outcome, reason_from("why").as_json(), int(after * 1000), counted, kept
            )
        except LeaseLost:
            expected = LeaseLost
        assert told == expected
        if isinstance(told, HeldOrder):
            self.views[lease.order_key] = (lease, told)

    @rule(which=which, path=st.sampled_from(["a", "b"]))
    def an_answer_is_kept(self, which: int, path: str) -> None:
        key = self.held(which)[0].order_key
        self.run(self.store.keep_fetched(key, path, b"answer"))
        self.data.keep_fetched(key, path, b"answer")

    # -------------------------------------------------------------------------------------------- ledger

    @rule(
        which=which,
        document=documents,
        scope=scopes,
        ago=st.sampled_from([-400, -299, -10, 10, 240, 9999]),
        turns=st.lists(
            st.sampled_from(
                [
                    "ask",
                    "ask",
                    "ask",
                    "replace",
                    "replace",
                    "clear",
                    "restart",
                    "clean",
                    "known",
                    "wait",
                    "wrong",
                ]
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def a_document_has_a_history(
        self, which: int, document: str, scope: str, ago: int, turns: list[str]
    ) -> None:
        lease, _ = self.held(which)
        placed_ms = self.now - 1000 * ago
        for turn in (*turns, "ask"):
            entry = self.data.entries.get(document)
            current = entry.attempt if entry else ""
            match turn:
                case "ask":
                    self.leave_is_asked(lease, document, scope, placed_ms)
                case "replace" | "wrong":
                    self.attempt_is_replaced(lease, document, "another" if turn == "wrong" else current)
                case "clear":
                    self.attempt_never_was(document, "another")
                    self.both_hold_the_same()
                    self.attempt_never_was(document, current)
                case "restart":
                    self.redis_is_restarted(False)
                case "clean" | "known":
                    self.a_shop_is_judged(scope, turn == "clean")
                case "wait":
                    self.move(1_000)

    def leave_is_asked(self, lease: Lease, document: str, scope: str, placed_ms: int) -> None:
        self.attempts += 1
        attempt = f"attempt-{self.attempts}"
        placed = datetime.fromtimestamp(placed_ms / 1000, UTC)
        claims = PAYMENTS[: self.attempts % 3], ORDERS[: self.attempts % 4]
        told = self.outcome(self.store.begin(lease, document, attempt, placed, scope, *claims))
        try:
            assert told == self.data.begin(
                self.now, lease, document, attempt, placed_ms, scope, self.is_durable, *claims
            )
        except LeaseLost:
            assert told is LeaseLost

    def attempt_is_replaced(self, lease: Lease, document: str, current: str) -> None:
        self.attempts += 1
        told = self.outcome(self.store.replace_attempt(lease, document, current, f"attempt-{self.attempts}"))
        try:
            self.data.replace_attempt(self.now, lease, document, current, f"attempt-{self.attempts}")
            assert told is None
        except LeaseLost:
            assert told is LeaseLost

    def attempt_never_was(self, document: str, attempt: str) -> None:
        self.run(self.store.clear(document, attempt))
        self.data.clear(document, attempt)

    @rule(keys=st.lists(documents, min_size=1, unique=True))
    def documents_exist(self, keys: list[str]) -> None:
        record = {"id": self.attempts, "number": "F1"}
        self.run(self.store.done(keys, record))
        self.data.done(self.now, keys, record)

    @rule(order=st.sampled_from([*ORDERS, "shopify:boutique:order:4"]), key=documents, id_=st.integers(1, 3))
    def a_document_is_attached(self, order: str, key: str, id_: int) -> None:
        record = {"id": id_, "number": "F9"}
        told = self.run(self.store.attach(order, key, record))
        assert told == self.data.attach(self.now, order, key, record)

    @rule(order=st.sampled_from(ORDERS), key=documents, id_=st.integers(1, 3))
    def a_document_is_detached(self, order: str, key: str, id_: int) -> None:
        told = self.run(self.store.detach(order, key, id_))
        assert told == self.data.detach(self.now, order, key, id_)

    @rule(keys=st.lists(documents, min_size=1, unique=True), ago=st.integers(0, 2))
    def a_customer_was_deleted(self, keys: list[str], ago: int) -> None:
        self.attempts += 1
        self.run(self.store.forget(keys, self.attempts - 1 - ago, f"attempt-{self.attempts}"))
        self.data.forget(self.now, keys, self.attempts - 1 - ago, f"attempt-{self.attempts}")

    @rule(scope=scopes, clean=st.booleans())
    def a_shop_is_judged(self, scope: str, clean: bool) -> None:
        for verdict in (clean, not clean):
            self.run(self.store.set_shop_verdict(scope, clean=verdict))
            self.data.judge(self.now, scope, verdict, self.is_durable)

    @rule(
        order=st.sampled_from(ORDERS),
        kind=st.sampled_from(["tips_unset", "overseas_rate"]),
        again=st.booleans(),
    )
    def a_question_is_raised(self, order: str, kind: str, again: bool) -> None:
        told = self.run(self.store.ask(SHOP, kind, order, Decimal("12.34")))
        found = self.data.ask(SHOP, kind, order, 1234)
        assert told is not None
        assert found == (told.asker, told.orders, int(told.amount * 100))
        if not again:
            self.run(self.store.settle_question(SHOP, kind, order))
            self.data.settle_question(self.now, SHOP, kind, order)

    @rule(index=st.dictionaries(st.sampled_from(["buyer:1", "buyer:2"]), st.integers(1, 9)))
    def archived_customers_are_listed(self, index: dict[str, int]) -> None:
        self.run(self.store.keep_archived_customers(index))
        self.data.keep_archived_customers(self.now, index)
        for buyer_lock in ("buyer:1", "buyer:2"):
            told = self.run(self.store.archived_customer(buyer_lock))
            assert told == self.data.archived_customer(self.now, buyer_lock)

    @rule(
        before=st.sampled_from(["", "?a,b", "line2_vat_rate"]),
        after=st.sampled_from(["?a,b", "line2_vat_rate", "line3_vat_once"]),
        wrong=st.sampled_from(["", "evidence"]),
    )
    def the_rounding_is_learnt(self, before: str, after: str, wrong: str) -> None:
        told = self.run(self.store.learn_rounding(before, after, wrong))
        assert told == self.data.learn_rounding(self.now, before, after, wrong)
        assert told == self.run(self.store.rounding())

    @rule()
    def a_process_gets_acquainted(self) -> None:
        self.run(self.store._run("open", int(self.is_durable)))
        self.data.floor_at(self.is_durable, self.now)

    # ------------------------------------------------------------------------------------------ the same

    @invariant()
    def both_know_the_same(self) -> None:
        known = self.data.ledger(DOCUMENTS)
        told = self.run(self.store.ledger(DOCUMENTS))
        assert told == {key: json.loads(record) for key, record in known.items()}

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.run(self._held()) == self._modelled()

    async def _held(self) -> dict[str, Any]:
        """What Redis holds, in the model's words."""
        names = sorted([name.decode() async for name in self.redis.scan_iter(f"{PREFIX}*", count=1000)])
        hashes = [n for n in names if n.split(":")[1] in ("event", "order", "ledger", "meta", "fetched")]
        lists = [n for n in names if n.split(":")[1] == "events"]
        texts = [n for n in names if n.split(":")[1] in ("link", "lease")]
        lists_of_orders = ("due", "waiting", "attention", "open", "ignored", "orders", "workers")
        scores = [*(f"{PREFIX}{name}" for name in lists_of_orders), "arq:queue"]
        async with self.redis.pipeline(transaction=False) as pipe:
            for name in hashes:
                pipe.hgetall(name)
            for name in hashes:
                pipe.ttl(name)
            for name in lists:
                pipe.lrange(name, 0, -1)
            for name in texts:
                pipe.get(name)
            for name in scores:
                pipe.zrange(name, 0, -1, withscores=True)
            answers = iter(await pipe.execute())
        read = {name: _texts(next(answers)) for name in hashes}
        mortal = {name: next(answers) > 0 for name in hashes}
        held = {
            "events_of": {_rest(n): [each.decode() for each in next(answers)] for n in lists},
            "texts": {n.removeprefix(PREFIX): next(answers).decode() for n in texts},
            **{name: _scores(next(answers)) for name in _SCORES},
        }
        return {
            **held,
            "entries": {
                _rest(n): {name: text for name, text in fields.items() if text and name != "record"}
                | ({"record": json.loads(fields["record"])} if fields.get("record") else {})
                for n, fields in read.items()
                if n.startswith(f"{PREFIX}ledger:")
            },
            "orders": {
                _rest(n): {
                    name: fields.get(name, "").removeprefix("0") for name in (*_ORDER_FIELDS, "number")
                }
                for n, fields in read.items()
                if n.startswith(f"{PREFIX}order:")
            },
            "events": {
                _rest(n): (fields["at"], fields["order"], fields.get("note", ""), mortal[n])
                for n, fields in read.items()
                if n.startswith(f"{PREFIX}event:")
            },
            "fetched": {
                _rest(n): sorted(fields) for n, fields in read.items() if n.startswith(f"{PREFIX}fetched:")
            },
            "verdicts": {
                name.removeprefix("verdict:"): text
                for name, text in read.get(f"{PREFIX}meta", {}).items()
                if name.startswith("verdict:")
            },
            "floor": int(read.get(f"{PREFIX}meta", {}).get("floor", 0)),
            "born": int(read.get(f"{PREFIX}meta", {}).get("born", 0)),
            "times": tuple(int(read.get(f"{PREFIX}meta", {}).get(name, 0)) for name in _TIMES),
            "rounding": tuple(
                read.get(f"{PREFIX}meta", {}).get(name, "")
                for name in ("rounding", "contradicted", "contradiction")
            ),
        }

    def _modelled(self) -> dict[str, Any]:
        data = self.data
        return {
            "events_of": {key: names for key, names in data.events_of.items() if names},
            "texts": {
                **{f"link:{link}": order for link, order in data.links.items()},
                **{f"lease:{key}": token for key, (token, _) in data.leases.items()},
            },
            "due": data.due,
            "waiting": data.waiting,
            "attention": data.attention,
            "open": data.open,
            "ignored": data.ignored,
            "listed": data.listed,
            "orders": {key: _order_fields(order) for key, order in data.orders.items()},
            "workers": data.workers,
            "queue": data.queue,
            "entries": {
                key: {name: str(value) for name, value in asdict(entry).items() if value and name != "record"}
                | ({"record": json.loads(entry.record)} if entry.record else {})
                for key, entry in data.entries.items()
            },
            "events": {
                name: (str(event.at), event.order, event.note, event.mortal)
                for name, event in data.events.items()
            },
            "fetched": {key: sorted(answers) for key, answers in data.fetched.items()},
            "verdicts": {scope: f"{at} {said}" for scope, (at, said) in data.verdicts.items()},
            "floor": data.trusted_since,
            "born": data.born,
            "times": (data.seen or 0, data.witnessed if data.seen else 0, data.trusted_witnessed),
            "rounding": (data.rounding, *(str(each or "") for each in data.contradiction)),
        }


_SCORES = ("due", "waiting", "attention", "open", "ignored", "listed", "workers", "queue")
_TIMES = ("seen", "witnessed", "floor_witnessed")
_ORDER_FIELDS = (
    "version",
    "created",
    "takes",
    "attempts",
    "failing_since",
    "state",
    "reason",
    "lane",
    "done",
)


# A field that is missing and one that is 0 mean the same.
def _order_fields(order: StoredOrder) -> dict[str, str]:
    values = {name: getattr(order, name) for name in _ORDER_FIELDS} | {"number": order.kept.get("number", "")}
    return {name: str(value) if value else "" for name, value in values.items()}


def _texts(answer: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): text.decode("utf-8", "replace") for name, text in answer.items()}


def _scores(answer: list[tuple[bytes, float]]) -> dict[str, int]:
    return {name.decode(): int(score) for name, score in answer}


def _rest(name: str) -> str:
    return name.split(":", 2)[2]


@pytest.fixture
def both(redis_url: str) -> Iterator[Both]:
    """Three orders in the hands of three workers."""

    class Here(Both):
        url = redis_url

    machine = Here()
    machine.begin_to_exist(durable=True)
    yield machine
    machine.both_know_the_same()
    machine.both_hold_the_same()
    machine.teardown()


HISTORIES = (
    ["ask", "wait", "ask"],
    ["ask", "replace", "wait", "ask", "wrong", "replace", "wait"],
    ["ask", "clear", "wait", "ask", "wait", "clear", "restart"],
    ["ask", "wait", "restart", "wait", "ask", "replace", "restart", "wait"],
    ["wait", "restart", "ask", "clean", "ask", "clear"],
    ["wait", "restart", "ask", "known", "ask", "replace", "wait", "ask"],
    ["clean", "ask", "wait", "restart", "known", "wait"],
)


@pytest.mark.parametrize("turns", HISTORIES)
def test_a_document_has_the_same_history(both: Both, turns: list[str]) -> None:
    for ago in (-400, -299, -10, 240):
        for which in (0, 1):
            both.a_document_has_a_history(which, f"document {ago} {which}", SCOPES[which], ago, turns)
            both.both_hold_the_same()
            for n in range(3):  # their leases run out during these histories
                if ORDERS[n] not in both.data.leases and ORDERS[n] in both.data.due:
                    both.an_order_is_taken(both.free().index(ORDERS[n]), True)


def test_a_neighbour_waits_the_same(both: Both) -> None:
    (one, _), (other, _) = both.views[ORDERS[0]], both.views[ORDERS[1]]
    for lease in (one, other, one):
        both.leave_is_asked(lease, "document", SCOPES[0], both.now + 400_000)
    both.move(4_000)
    both.a_lease_is_extended(1, among=ORDERS)
    both.move(2_000)
    both.leave_is_asked(other, "document", SCOPES[0], both.now + 400_000)
    both.leave_is_asked(one, "document", SCOPES[0], both.now + 400_000)
    both.documents_exist(["document"])
    both.leave_is_asked(other, "document", SCOPES[0], both.now)


def test_a_deleted_customer_is_forgotten_the_same(both: Both) -> None:
    lease, _ = both.views[ORDERS[0]]
    keys = ["document", "another"]
    for ago in (1, 0):  # of a customer the ledger does not know, then of the one it knows
        both.documents_exist(["document"])
        both.attempts += ago
        both.a_customer_was_deleted(keys, ago=0)
        both.both_hold_the_same()
        assert both.data.ledger(keys).keys() == ({"document"} if ago else set())
    both.a_customer_was_deleted(keys, ago=0)
    both.leave_is_asked(lease, "document", SCOPES[0], both.now + 400_000)
    both.attempt_is_replaced(lease, "document", both.data.entries["document"].attempt)
    both.both_hold_the_same()
    assert both.data.entries["document"].owner == ORDERS[0]


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_order_ends_the_same(both: Both, outcome: Outcome, changed: bool) -> None:
    both.an_answer_is_kept(0, "a")
    for counted in (True, False):
        if changed:
            both.an_event_comes(ORDERS[0], (), False, "")
        both.an_order_is_released(0, outcome, 120.0, counted, {"number": "#1"}, among=ORDERS)
        both.both_hold_the_same()
        both.an_order_is_taken(0, True)
        both.both_hold_the_same()
        both.an_event_comes(ORDERS[0], (), False, "")
        both.an_event_comes(ORDERS[0], (), True, "")
        both.both_hold_the_same()
        if ORDERS[0] in both.free():
            both.an_order_is_taken(both.free().index(ORDERS[0]), True)
    both.move(5_000)
    both.a_lease_is_extended(0, among=ORDERS)
    both.an_order_is_released(0, outcome, 2.0, True, {}, among=ORDERS)


@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_a_payment_finds_its_order_in_the_same_way(both: Both, outcome: Outcome | None) -> None:
    both.a_payment_finds_its_order(ORDERS[0], outcome)
    both.both_hold_the_same()
    both.a_payment_finds_its_order("another", outcome)
    for fate in ("i", "a"):
        both.an_event_comes(ORDERS[1], ("re",), False, fate)
        both.both_hold_the_same()


def test_bells_are_rung_the_same(both: Both) -> None:
    for after in (0, 1_000, 60_500, 5_300, 654_000, 1_000):
        both.someone_sweeps("w1", after)
        both.both_hold_the_same()
        both.someone_sweeps("w2", 60_000)
        both.both_hold_the_same()
    for after in (29_000, 1_000, 29_000, 2_000):
        both.an_event_comes(ORDERS[0], (), False, "")
        both.someone_sweeps("w1", after)
        both.both_hold_the_same()


@pytest.mark.parametrize("wake_ups", [WAKE_UPS - 1, WAKE_UPS, BELLS_OF_NEWS - 1, BELLS_OF_NEWS])
def test_a_long_queue_is_the_same(both: Both, wake_ups: int) -> None:
    both.move(6_000)
    both.arq_is_behind(wake_ups)


def test_what_is_found_out_is_the_same(both: Both) -> None:
    for durable in (True, False):
        both.redis_is_restarted(durable)
        both.move(1_000)
        both.a_process_gets_acquainted()
        both.both_hold_the_same()
    both.the_rounding_is_learnt("", "line3_vat_once", "")
    both.the_rounding_is_learnt("line3_vat_once", "?a,b", "evidence")
    both.move(6_000)
    both.an_order_is_taken(0, True)


@pytest.mark.timeout(600)  # a failure is made small before it is shown
def test_the_store_and_its_model_stay_equal(redis_url: str) -> None:
    class Here(Both):
        url = redis_url

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
