"""Whether a platform sends its webhooks here; and that it does, when a person wants it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from bridge.errors import NeedsPerson, UnreadableBody
from bridge.looking.asking import Platform
from bridge.reasons import NO_REASON, Reason, because
from bridge.sources.subscribing import Subscribing, Subscription


class Link(StrEnum):
    """How a topic comes here."""

    OK = "ok"
    MISSING = "missing"
    PAUSED = "paused"  # or disabled after failures
    ELSEWHERE = "elsewhere"  # it goes to another host of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One topic of a shop. `mended`: it was not ok, and is now; `problem`: why it could not be mended."""

    topic: str
    link: Link
    subscription: Subscription | None = field(default=None, repr=False)
    mended: bool = False
    problem: Reason = NO_REASON


BEST_FIRST: Final = (Link.OK, Link.PAUSED, Link.ELSEWHERE, Link.MISSING)


def wires_of(subscriptions: Iterable[Subscription], topics: Sequence[str], address: str) -> tuple[Wire, ...]:
    """How each topic comes to `address`."""
    ours = _ours(subscriptions, address)
    wires = []
    for topic in topics:
        fitting = [
            Wire(topic=topic, link=_link(each, address), subscription=each)
            for each in ours
            if topic in each.topics
        ]
        candidates = [*fitting, Wire(topic=topic, link=Link.MISSING)]
        wires.append(min(candidates, key=lambda wire: BEST_FIRST.index(wire.link)))
    return tuple(wires)


def _ours(subscriptions: Iterable[Subscription], address: str) -> list[Subscription]:
    """Those whose path is ours, whatever their host: the bridge may have moved."""
    path = urlsplit(address).path
    return [each for each in subscriptions if urlsplit(each.address).path.rstrip("/") == path]


def _link(subscription: Subscription, address: str) -> Link:
    if subscription.address.rstrip("/") != address:
        return Link.ELSEWHERE
    return Link.OK if subscription.active else Link.PAUSED


def subscribing_of(platform: Platform) -> Subscribing:
    """How this platform is subscribed to. Raises NeedsPerson where it is not."""
    if platform.source.SUBSCRIBING is None:
        raise NeedsPerson(because("platform_subscribes_nothing", platform=platform.source.TITLE))
    return platform.source.SUBSCRIBING


async def look_at(platform: Platform, address: str) -> tuple[Wire, ...]:
    """How the topics come here now. Raises RetryLater or NeedsPerson."""
    return (await _seen(platform, address))[0]


async def _seen(platform: Platform, address: str) -> tuple[tuple[Wire, ...], tuple[Subscription, ...]]:
    subscribing = subscribing_of(platform)
    answer = await platform.get(subscribing.PATH)
    try:
        found = subscribing.subscriptions(answer.body)
    except UnreadableBody as exc:
        path = subscribing.PATH.partition("?")[0]
        raise NeedsPerson(
            because("list_not_understood", shop=platform.shop, platform=platform.source.TITLE, path=path)
        ) from exc
    return wires_of(found, subscribing.TOPICS, address), found


async def connect(platform: Platform, address: str, secret: str) -> tuple[Wire, ...]:
    """Sees to it that all topics come here. What the platform refuses is told with its topic, and stops no
    other. Raises RetryLater or NeedsPerson when it cannot be asked at all."""
    wires, found = await _seen(platform, address)
    # An endpoint that has several topics is given those that it lacks.
    whole = next((each for each in _ours(found, address) if len(each.topics) > 1), None)
    mended: set[str] = set()
    told = []
    for wire in wires:
        subject = wire.subscription or whole
        try:
            if wire.link is not Link.OK and (subject is None or subject.id not in mended):
                await _mend(platform, wire.topic, subject, address, secret)
                mended |= {subject.id} if subject else set()
        except NeedsPerson as exc:
            told.append(replace(wire, problem=exc.reason))
        else:
            told.append(replace(wire, mended=wire.link is not Link.OK))
    return tuple(told)


async def _mend(
    platform: Platform, topic: str, subject: Subscription | None, address: str, secret: str
) -> None:
    subscribing = subscribing_of(platform)
    if subject is not None:
        await platform.call(subscribing.mend(subject, subscribing.TOPICS, address, secret))
        return
    for call in subscribing.create((topic,), address, secret):
        await platform.call(call)
