"""A client of a fresh sandbox, and the shortest way to create things with it."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bridge.sandbox import (
    SandboxConfig,
    SandboxTransport,
    create_sandbox,
)

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
CONFIG = SandboxConfig(clock=lambda: NOON)
FIRM = "/firms/1"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def opened(config: SandboxConfig = CONFIG) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of a fresh sandbox, with its credentials."""
    return httpx.AsyncClient(
        transport=SandboxTransport(create_sandbox(config)),
        base_url="http://sandbox",
        auth=(config.api_id, config.api_key),
        headers={"content-type": "application/json; charset=utf-8"},
    )


def line(price: object = "500", *, vat: object = "0.200", quantity: object = "1.0", **more: object) -> Any:
    return {"title": "Affiche", "quantity": quantity, "unit_price": price, "vat": vat, **more}


async def customer(api: httpx.AsyncClient, **fields: object) -> Any:
    answer = await api.post(f"{FIRM}/customers.json", json={"company_name": "A small company", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def invoice(api: httpx.AsyncClient, query: str = "", **fields: object) -> Any:
    if "customer_id" not in fields:
        fields["customer_id"] = (await customer(api))["id"]
    answer = await api.post(f"{FIRM}/invoices.json{query}", json={"items": [line()], **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ids(api: httpx.AsyncClient, path: str) -> list[int]:
    answer = await api.get(f"{FIRM}/{path}")
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()]


def errors(answer: httpx.Response) -> Any:
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"]
