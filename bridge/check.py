"""`bridge check`: would it work? One finding per thing that can be wrong, each with its cure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bridge.errors import ApiRefused, BridgeError, NotSent, RetryLater, StoreUnavailable
from bridge.health import ledger_problem
from bridge.settings import Settings
from bridge.wiring import Services

OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `state`: ok, warn (works, but), fail."""

    name: str
    state: str
    text: str


async def findings(settings: Settings, services: Services) -> AsyncIterator[Finding]:
    """Redis, its durability, credentials and firm, each shop. Writes nothing but a probe key."""
    yield Finding(
        "configuration", "ok", f"{len(settings.shops)} shop(s), firm {settings.facturation.firm_id}"
    )
    try:
        durability = await services.store.open()
        await services.store.check_writable()
    except StoreUnavailable as exc:
        yield Finding("redis", "fail", f"does not answer ({exc}): start it, or correct redis_url")
    else:
        version = await services.store.version()
        yield Finding("redis", *_version(version))
        problem = durability.problem()
        state = "ok" if not problem else "warn" if durability.fsync in (None, "always") else "fail"
        yield Finding("durability", state, problem or "every acknowledged write is on disk")
        problem = ledger_problem(await services.store.vitals())
        yield Finding("ledger", "warn" if problem else "ok", problem or "no sign of lost data")
        yield await _account(settings, services)
    for name, shop in settings.shops.items():
        yield _shop(name, shop.platform, [secret.get_secret_value() for secret in shop.secrets])


def _version(version: str) -> tuple[str, str]:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_REDIS:
        return "fail", f"is {version}: use Redis 6.2 or newer, or Valkey"
    return "ok", f"{version} answers, and can be written to"


async def _account(settings: Settings, services: Services) -> Finding:
    firm_id = settings.facturation.firm_id
    try:
        account = await services.client.account()
    except NotSent as exc:
        address = settings.facturation.base_url
        return Finding(
            "facturation", "fail", f"{exc}: check the network and facturation.base_url ({address})"
        )
    except (RetryLater, ApiRefused) as exc:
        return Finding("facturation", "fail", str(exc))
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


def _shop(name: str, platform: str, secrets: list[str]) -> Finding:
    label = f"shop {name}"
    weak = [number for number, secret in enumerate(secrets, start=1) if len(secret) < 16]
    if platform == "stripe" and not all(secret.startswith("whsec_") for secret in secrets):
        return Finding(
            label, "warn", "a Stripe signing secret begins with whsec_; copy it from the endpoint's page"
        )
    if weak:
        return Finding(label, "warn", f"secret {weak[0]} is short: make one of at least 16 characters")
    return Finding(label, "ok", f"{platform}, {len(secrets)} secret(s), POST /webhooks/{name}")
