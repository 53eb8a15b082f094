"""`bridge check`: would it work? One finding per thing that can be wrong, each with its cure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bridge.alerts.rules import rounding_problem
from bridge.billing.mentions import WARNED_FROM, without_successor
from bridge.billing.rounding import FirmRounding
from bridge.errors import (
    ApiRefused,
    BridgeError,
    NeedsPerson,
    NotSent,
    RetryLater,
    StoreUnavailable,
    UnreadableBody,
)
from bridge.facturation.client import open_client
from bridge.facturation.quota import Failure, Lane, Permit, Quota
from bridge.looking.asking import Platform
from bridge.orders import legal_date
from bridge.reasons import Reason
from bridge.runtime.wiring import Services, wire_to
from bridge.settings.loading import Settings
from bridge.settings.shops import ShopSettings
from bridge.sources.base import Source
from bridge.sources.listing import Changed, Created
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store
from bridge.store.values import Vitals
from bridge.telemetry.health import ledger_problem
from bridge.texts import cure_of, text_of
from bridge.valkey.diagnosis import trouble

OLDEST_REDIS = (6, 2)
SHORTEST_TOKEN = 32
SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `state`: ok, warn (works, but), fail."""

    name: str
    state: str
    text: str


class _OneQuestion(Quota):
    """Asks on nobody's account: it waits for no pause (the credentials may have been mended since), starts
    none for the workers, and needs no Redis. The reserve that no lane may use is for such requests."""

    async def take(self, lane: Lane = Lane.LIVE) -> Permit:
        return Permit(0)

    async def learn(self, permit: Permit, limit: int, remaining: int) -> None: ...
    async def pause(self, seconds: float) -> None: ...
    async def note_success(self) -> None: ...
    async def note_failure(self, kind: Failure, reason: Reason) -> None: ...


async def findings(settings: Settings, services: Services) -> AsyncIterator[Finding]:
    """Redis, its durability, credentials and firm, each shop. Writes nothing but a probe key."""
    yield Finding(
        "configuration", "ok", f"{len(settings.shops)} shop(s), firm {settings.facturation.firm_id}"
    )
    try:
        durability = await services.store.open()
        await services.store.check_writable()
    except StoreUnavailable as exc:
        wrong = trouble(exc)
        yield Finding("redis", "fail", f"{text_of(wrong)}: {cure_of(wrong)}")
    else:
        yield Finding("redis", *_version(*await services.store.version()))
        problem = durability.problem()
        state = "ok" if not problem else "warn" if durability.fsync in (None, "always") else "fail"
        yield Finding("durability", state, text_of(problem) or "every acknowledged write is on disk")
        vitals = await services.store.vitals()
        problem = ledger_problem(vitals)
        yield Finding("ledger", "warn" if problem else "ok", text_of(problem) or "no sign of lost data")
        yield _rounding(vitals)
    yield await _account(settings, services)
    yield _console(settings)
    for name, shop in settings.shops.items():
        yield await _since(name, shop, services.store)
        secrets = [secret.get_secret_value() for secret in shop.secrets]
        yield _shop(name, REGISTRY[shop.platform], secrets)
        if ending := ending_mentions(shop, legal_date(datetime.now(UTC))):
            yield Finding(f"shop {name}", "warn", ending)
        if strangers := sorted(set(shop.defer_to) - settings.shops.keys()):
            known = ", ".join(settings.shops)
            unknown = f"defer_to names {', '.join(strangers)}, which is no shop; there are {known}"
            yield Finding(f"shop {name}", "fail", unknown)
        if name in services.platforms:
            yield await _listing(services.platforms[name])


def ending_mentions(shop: ShopSettings, today: date) -> str:
    """What is to be done about legal texts that may soon be cited no more, "" while there is time."""
    names = ", ".join(f"mentions.{name}" for name in without_successor(shop.mentions))
    if today < WARNED_FROM or not names:
        return ""
    return f"invoices may cite the CGI until 2027-12-31: have the accountant write {names}"


def _version(server: str, version: str) -> tuple[str, str]:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if server == "Redis" and numbers < OLDEST_REDIS:
        return "fail", f"is {version}: use Redis 6.2 or newer, or Valkey"
    return "ok", f"{server} {version} answers, and can be written to"


def _rounding(vitals: Vitals) -> Finding:
    known, problem = FirmRounding.read(vitals.rounding), rounding_problem(vitals)
    if problem:
        return Finding("rounding", "warn", text_of(problem))
    said = "not known yet: workers find it out, and every document is a draft first"
    return Finding("rounding", "ok", f"by {known.text}, seen to hold" if known.held else said)


async def _account(settings: Settings, services: Services) -> Finding:
    firm_id = settings.facturation.firm_id
    quota = _OneQuestion(services.store.redis, firm_id=firm_id)
    try:
        async with open_client(wire_to(settings.facturation, quota)) as client:
            account = await client.account()
    except NotSent as exc:
        address = settings.facturation.base_url
        said = f"{text_of(exc.reason)}: check the network and facturation.base_url ({address})"
        return Finding("facturation", "fail", said)
    except (RetryLater, ApiRefused) as exc:
        return Finding("facturation", "fail", f"{text_of(exc.reason)}. {cure_of(exc.reason)}".rstrip())
    except BridgeError as exc:
        return Finding("facturation", "fail", f"could not be asked: {exc}")
    if firm_id not in account.firms:
        known = ", ".join(f"{number} ({name})" for number, name in account.firms.items()) or "none"
        return Finding(
            "facturation",
            "fail",
            f"this key does not reach firm {firm_id}; set facturation.firm_id to {known}",
        )
    return Finding("facturation", "ok", f"credentials accepted, firm {firm_id} ({account.firms[firm_id]})")


def _console(settings: Settings) -> Finding:
    if settings.ops_token is None:
        return Finding("console", "ok", "closed, and so is /api: no ops_token is set")
    if len(settings.ops_token.get_secret_value()) < SHORTEST_TOKEN:
        hint = f"make one of at least {SHORTEST_TOKEN} characters: openssl rand -hex 16"
        return Finding("console", "warn", f"ops_token is short, and it opens the console: {hint}")
    return Finding("console", "ok", "/console and /api are open to who has the ops_token")


async def _since(name: str, shop: ShopSettings, store: Store) -> Finding:
    label, since = f"orders of {name}", shop.invoice_from
    if since is None:
        try:
            heard = await store.first_heard(name)
        except StoreUnavailable:
            return Finding(
                label, "warn", "the day from which on they are invoiced is in Redis, which is away"
            )
        if heard is None:
            return Finding(label, "ok", "are invoiced from the day on which the shop is first heard from")
        since = legal_date(heard)
    return Finding(label, "ok", f"are invoiced if they were placed on {since} or later (invoice_from)")


async def _listing(platform: Platform) -> Finding:
    """Asks for the last hour, as a poll does: whether the key opens what will be needed."""
    label, listing = f"shop {platform.shop}", platform.source.LISTING
    if listing is None:
        return Finding(label, "ok", f"{platform.source.TITLE} cannot be asked for its sales")
    now = datetime.now(UTC)
    hour = Created(since=now - timedelta(hours=1), until=now)
    try:
        sales = 0
        for question in (hour, Changed(since=hour.since)):
            for path in listing.paths(question):
                answer = await platform.get(path)
                listed = listing.page(platform.shop, path, answer.headers, answer.body).listed
                sales += sum(entry.sale is not None for entry in listed)
    except (RetryLater, NeedsPerson) as exc:
        return Finding(label, "fail", f"{text_of(exc.reason)}. {cure_of(exc.reason)}".rstrip())
    except UnreadableBody:
        where = path.partition("?")[0]
        return Finding(
            label, "fail", f"{platform.source.TITLE} answers {where} with no list: look at platform_api_url"
        )
    return Finding(label, "ok", f"its sales can be listed; {sales} changed within the hour")


def _shop(name: str, source: Source, secrets: list[str]) -> Finding:
    label = f"shop {name}"
    for number, secret in enumerate(secrets, start=1):
        if problem := source.secret_problem(secret):
            return Finding(label, "warn", text_of(problem))
        if len(secret) < SHORTEST_SECRET:
            short = f"secret {number} is short: make one of at least {SHORTEST_SECRET} characters"
            return Finding(label, "warn", short)
    return Finding(label, "ok", f"{source.PLATFORM}, {len(secrets)} secret(s), POST /webhooks/{name}")
