"""`bridge privacy erase`: a buyer asks to be forgotten (GDPR, article 17).

What the law makes the seller keep is in Facturation.pro and stays there. Here the payloads go, and what finds
them; orders that still need theirs are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.desk.actions import Desk, short
from bridge.desk.plain import Why
from bridge.desk.queries import every
from bridge.desk.rows import text
from bridge.desk.values import EventRow, Kept
from bridge.keys import CUSTOMER, Key
from bridge.reasons import Reason, because
from bridge.store.store import PREFIX
from bridge.sync.index import term
from bridge.valkey.scripts import redis_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did, and what it left: `refused`: order → why not. `unattached`: payloads without an
    order that are gone."""

    orders: tuple[str, ...]
    payloads: int
    unattached: int
    refused: Mapping[str, Why]


async def erase(desk: Desk, whom: str, who: str) -> Erased:
    """Deletes the webhooks of a buyer, by e-mail address or customer (`shopify:boutique:customer:7001`),
    from the finished orders, and the terms that find them. What it refuses, it names.

    Kept: the orders' numbers, amounts and documents, which name nobody. Not touched: Facturation.pro.
    """
    whom = whom.strip()
    by_email = "@" in whom
    keys = {text(row[0]) for row in await desk.scripts.run("find", "", term(whom))}
    strays = await mentions(desk, whom) if by_email else []
    keys |= {event.order_key for event in strays if event.order_key}
    # A guest's ledger key is the e-mail address itself; the record's other key is a digest.
    forget = {key: (str(Key.parse(key).sibling(CUSTOMER, whom.lower())),) if by_email else () for key in keys}
    return await erase_orders(desk, forget, who, [event for event in strays if not event.order_key])


async def erase_orders(
    desk: Desk, forget: Mapping[str, Iterable[str]], who: str, unattached: Iterable[EventRow]
) -> Erased:
    """Erases these orders (key → the ledger's keys that go with it), and these events without an order."""
    orders: list[str] = []
    refused: dict[str, Reason] = {}
    payloads = 0
    for key, names in sorted(forget.items()):
        outcome, detail = await desk.scripts.run("erase", key, short(who), *names)
        if text(outcome) == "done":
            orders.append(key)
            payloads += detail
        elif text(outcome) == "unfinished":
            refused[key] = because("not_finished", state=text(detail))
    gone = 0
    for event in unattached:
        gone += await desk.scripts.run("blank", event.id)
    return Erased(orders=tuple(orders), payloads=payloads, unattached=gone, refused=refused)


async def mentions(desk: Desk, email: str, shop: str = "") -> list[EventRow]:
    """The events whose payload names this address: those without an order are in no index."""
    needle = email.lower().encode()
    found = []
    async for row in every(desk.events, shop=shop):
        event = await desk.event(row.id) if row.kept is Kept.KEPT else None
        if event and needle in event.body.lower():
            found.append(row)
    return found


async def guests(desk: Desk, platform: str, shop: str) -> list[str]:
    """The ledger's keys that are e-mail addresses, of one shop."""
    start, pattern = f"{PREFIX}ledger:", Key(platform, shop, CUSTOMER, "*@*")
    with redis_errors("guests"):
        keys = desk.store.redis.scan_iter(match=f"{start}{pattern}", count=1000)
        return [text(key).removeprefix(start) async for key in keys]
