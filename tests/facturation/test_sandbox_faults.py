"""The sandbox goes wrong when told to: quotas, faults, real connections; and tells what happened."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from bridge.sandbox import (
    Fault,
    FaultKind,
    Moment,
    Sandbox,
    SandboxConfig,
    SandboxTransport,
    create_sandbox,
    serve_sandbox,
)
from tests.facturation.sandbox_api import CONFIG, FIRM, Clock, opened

CUSTOMERS = f"{FIRM}/customers.json"
ANN = {"company_name": "Ann"}


class Bench:
    """A sandbox, a client of it, and its state."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient) -> None:
        self.client = client
        self.sandbox: Sandbox = app.state.sandbox

    def fault(self, kind: FaultKind, **how: Any) -> None:
        self.sandbox.faults.add(Fault(kind=kind, **how))

    async def create(self) -> httpx.Response:
        return await self.client.post(CUSTOMERS, json=ANN)

    @property
    def created(self) -> int:
        return len(self.sandbox.customers)

    @property
    def statuses(self) -> list[int | None]:
        return [request.status for request in self.sandbox.requests]


def client_of(config: SandboxConfig, **how: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(auth=(config.api_id, config.api_key), **how)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    app = create_sandbox(CONFIG)
    async with client_of(CONFIG, transport=SandboxTransport(app), base_url="http://sandbox") as client:
        yield Bench(app, client)


@pytest.fixture
async def served() -> AsyncIterator[Bench]:
    """The same over a real port."""
    app = create_sandbox(CONFIG)
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_sandbox(CONFIG, "127.0.0.1", 0, started=started.set_result, app=app))
    try:
        async with client_of(CONFIG, base_url=await asyncio.wait_for(started, 10)) as client:
            yield Bench(app, client)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen in 10 seconds")


# --- quotas


async def test_short_quota_slides() -> None:
    clock = Clock()
    async with opened(replace(CONFIG, clock=clock, requests_per_5_minutes=2)) as api:
        first = await api.get("/account.json")
        assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("2", "1")
        clock.advance(seconds=100)
        assert (await api.get("/account.json")).headers["x-ratelimit-remaining"] == "0"
        refused = await api.get("/account.json")
        assert (refused.status_code, refused.text) == (429, "Retry later")
        assert (refused.headers["retry-after"], refused.headers["x-ratelimit-remaining"]) == ("200", "0")
        clock.advance(seconds=200)
        assert (await api.get("/account.json")).status_code == 200
        assert (await api.get("/account.json")).headers["retry-after"] == "100"


async def test_daily_quota() -> None:
    clock = Clock()
    async with opened(replace(CONFIG, clock=clock, requests_per_day=1)) as api:
        await api.get("/account.json")
        clock.advance(hours=1)
        refused = await api.get("/account.json")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, str(23 * 3600))
        assert refused.headers["x-ratelimit-remaining"] == "600"


async def test_bad_credentials_cost_no_quota() -> None:
    async with opened(replace(CONFIG, requests_per_5_minutes=1)) as api:
        assert (await api.get("/account.json", auth=("x", "y"))).status_code == 401
        assert (await api.get("/account.json")).status_code == 200


# --- faults


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_status_before_the_commit(bench: Bench, status: int) -> None:
    bench.fault(FaultKind.STATUS, status=status)
    assert (await bench.create()).status_code == status
    assert bench.created == 0
    assert (await bench.create()).status_code == 201
    assert bench.statuses == [status, 201]


async def test_status_after_the_commit(bench: Bench) -> None:
    bench.fault(FaultKind.STATUS, moment=Moment.AFTER)
    assert (await bench.create()).status_code == 502
    assert bench.created == 1


@pytest.mark.parametrize(("moment", "created"), [(Moment.BEFORE, 0), (Moment.AFTER, 1)])
async def test_drop_in_process(bench: Bench, moment: Moment, created: int) -> None:
    bench.fault(FaultKind.DROP, moment=moment)
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.create()
    assert (bench.created, bench.statuses) == (created, [None])


@pytest.mark.parametrize(("moment", "created"), [(Moment.BEFORE, 0), (Moment.AFTER, 1)])
async def test_drop_over_a_real_port(served: Bench, moment: Moment, created: int) -> None:
    served.fault(FaultKind.DROP, moment=moment)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await served.create()
    assert (served.created, served.statuses) == (created, [None])
    assert (await served.create()).status_code == 201


async def test_a_client_that_gave_up_does_not_stop_the_commit(served: Bench) -> None:
    served.fault(FaultKind.DELAY, seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        await served.client.post(CUSTOMERS, json=ANN, timeout=0.1)
    assert served.created == 0
    await until(lambda: served.created == 1)


async def test_answer_delayed_after_the_commit(served: Bench) -> None:
    served.fault(FaultKind.DELAY, moment=Moment.AFTER, seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        await served.client.post(CUSTOMERS, json=ANN, timeout=0.1)
    assert served.created == 1


async def test_delay_keeps_the_answer(bench: Bench) -> None:
    for moment in Moment:
        bench.fault(FaultKind.DELAY, moment=moment, seconds=0.05)
        before = time.monotonic()
        assert (await bench.create()).json()["company_name"] == "Ann"
        assert time.monotonic() - before >= 0.05


async def test_too_many_requests(bench: Bench) -> None:
    bench.fault(FaultKind.TOO_MANY_REQUESTS, retry_after=17)
    refused = await bench.create()
    assert (refused.status_code, refused.text, refused.headers["retry-after"]) == (429, "Retry later", "17")
    assert bench.created == 0


async def test_html_instead_of_json(bench: Bench) -> None:
    bench.fault(FaultKind.HTML, count=2)
    made, listed = await bench.create(), await bench.client.get(CUSTOMERS)
    assert [(a.status_code, a.text[:9]) for a in (made, listed)] == [(201, "<!DOCTYPE"), (200, "<!DOCTYPE")]
    assert made.headers["content-type"].startswith("text/html")
    assert bench.created == 1


async def test_late_commit(bench: Bench) -> None:
    bench.fault(FaultKind.LATE_COMMIT, status=504, seconds=0.05)
    assert (await bench.create()).status_code == 504
    assert bench.created == 0
    await until(lambda: bench.created == 1)
    bench.fault(FaultKind.LATE_COMMIT, status=0, seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        await bench.create()
    await until(lambda: bench.created == 2)


async def test_reset_cancels_late_commits(bench: Bench) -> None:
    bench.fault(FaultKind.LATE_COMMIT, status=504, seconds=60)
    await bench.create()
    assert bench.sandbox.faults.late_commits == 1
    bench.sandbox.reset()
    await until(lambda: bench.sandbox.faults.late_commits == 0)
    assert bench.created == 0


async def test_a_fault_waits_for_its_request(bench: Bench) -> None:
    bench.fault(FaultKind.STATUS, method="POST", path=r"customers\.json", skip=1, count=2)
    assert (await bench.client.get(CUSTOMERS)).status_code == 200
    assert [(await bench.create()).status_code for _ in range(4)] == [201, 502, 502, 201]
    bench.fault(FaultKind.STATUS, path="api_id=77$")
    assert (await bench.client.get(f"{CUSTOMERS}?api_id=7")).status_code == 200
    assert (await bench.client.get(f"{CUSTOMERS}?api_id=77")).status_code == 502
    bench.fault(FaultKind.STATUS, count=None)
    assert [(await bench.create()).status_code for _ in range(3)] == [502] * 3
    bench.sandbox.faults.clear()
    assert (await bench.create()).status_code == 201


async def test_probability_is_seeded() -> None:
    async def run(seed: int) -> list[int]:
        app = create_sandbox(CONFIG)
        app.state.sandbox.faults.add(Fault(kind=FaultKind.STATUS, count=None, probability=0.5, seed=seed))
        async with client_of(CONFIG, transport=SandboxTransport(app), base_url="http://s") as client:
            return [(await client.get(CUSTOMERS)).status_code for _ in range(40)]

    once = await run(1)
    assert once == await run(1) != await run(2)
    assert set(once) == {200, 502}


# --- driven from outside


async def test_faults_over_http(bench: Bench) -> None:
    fault = {"kind": "status", "status": 503, "method": "POST", "moment": "after", "count": 1}
    answer = await bench.client.post("/_sandbox/faults", json=fault, auth=("no", "body"))
    assert (answer.status_code, answer.json()) == (201, {"id": 1})
    assert ((await bench.create()).status_code, bench.created) == (503, 1)
    await bench.client.post("/_sandbox/faults", json={"kind": "drop", "count": None})
    assert (await bench.client.delete("/_sandbox/faults")).status_code == 204
    assert (await bench.create()).status_code == 201


@pytest.mark.parametrize(
    "fault",
    [
        {},
        [],
        {"kind": "explode"},
        {"kind": "drop", "moment": "during"},
        {"kind": "drop", "where": "x"},
        {"kind": "drop", "path": "("},
        {"kind": "drop", "method": 1},
        {"kind": "drop", "count": "1"},
        {"kind": "status", "status": 0},
    ],
)
async def test_nonsense_faults_are_refused(bench: Bench, fault: object) -> None:
    answer = await bench.client.post("/_sandbox/faults", json=fault)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert len(bench.sandbox.faults) == 0


async def test_state_and_reset(bench: Bench) -> None:
    ann = (await bench.create()).json()
    body = {"customer_id": ann["id"], "items": [{"title": "A", "quantity": 1, "unit_price": 1, "vat": 0}]}
    made = (await bench.client.post(f"{FIRM}/invoices.json", json=body)).json()
    await bench.client.post(f"{FIRM}/invoices.json?type_doc=draft", json=body)
    await bench.client.post(f"{FIRM}/invoices.json?external=1", json={**body, "external_ref": "X"})
    headers = {"content-type": "application/json"}
    await bench.client.post(f"{FIRM}/invoices/{made['id']}/refund.json", headers=headers)
    state = (await bench.client.get("/_sandbox/state")).json()
    assert state["counts"] == {
        "customers": 1, "drafts": 1, "invoices": 1, "credit_notes": 1, "external": 1,
        "settlements": 0, "emails": 0, "requests": 5, "faults": 0,
    }  # fmt: skip
    assert state["customers"][0]["company_name"] == "Ann"
    assert state["customers"][0]["archived"] is False
    assert [i["draft"] for i in state["invoices"]] == [False, True, False, False]
    assert state["invoices"][0] == made
    assert state["requests"][2] == {
        "method": "POST",
        "path": f"{FIRM}/invoices.json?type_doc=draft",
        "status": 201,
        "at": "2026-11-22T11:00:00.000+00:00",
    }
    assert (await bench.client.post("/_sandbox/reset")).status_code == 204
    counts = (await bench.client.get("/_sandbox/state")).json()["counts"]
    assert set(counts.values()) == {0}
    assert (await bench.client.get(f"{FIRM}/invoices.json")).headers["x-ratelimit-remaining"] == "599"


async def test_latency() -> None:
    async with opened(replace(CONFIG, latency_seconds=0.05)) as api:
        before = time.monotonic()
        await api.get("/account.json")
        assert time.monotonic() - before >= 0.05


async def test_a_taken_port_is_an_oserror(served: Bench) -> None:
    port = served.client.base_url.port
    assert port
    with pytest.raises(OSError, match="in use"):
        await serve_sandbox(CONFIG, "127.0.0.1", port)


async def test_started_event_and_graceful_stop() -> None:
    started = asyncio.Event()
    app = create_sandbox(CONFIG)
    urls: list[str] = []
    serving = asyncio.create_task(serve_sandbox(CONFIG, "127.0.0.1", 0, started=urls.append, app=app))
    await until(lambda: bool(urls))
    app.state.sandbox.faults.add(Fault(kind=FaultKind.DELAY, seconds=0.3))
    async with client_of(CONFIG, base_url=urls[0]) as client:
        asked = asyncio.create_task(client.post(CUSTOMERS, json=ANN))
        await until(lambda: len(app.state.sandbox.requests) == 1)
        serving.cancel()
        assert (await asked).status_code == 201
    with pytest.raises(asyncio.CancelledError):
        await serving

    serving = asyncio.create_task(serve_sandbox(CONFIG, "127.0.0.1", 0, started=started))
    await asyncio.wait_for(started.wait(), 10)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
