"""The worker: arq runs `sync_order`, our own sweep sees to it that nothing stays asleep.

arq's process dies when Redis goes away; here only its Worker object does, and a new one takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func

from bridge.errors import StoreUnavailable
from bridge.runtime.jobs import JOB, deserialize, serialize
from bridge.store.store import Store
from bridge.sync.loop import Syncer
from bridge.tasks import end

MAX_JOBS = 10
"""What the quota of 2 requests a second needs even when each takes 5 s. More would only cost: httpx and arq
look at all that is in hand whenever something starts or ends."""
POLL_SECONDS = 0.05
"""27 ms from the wake-up to the start at the median, for 1.4 % of a core."""
JOB_TIMEOUT = 600
"""Longer than any run over an order: what ends a run is our own time-outs."""
DRAIN_SECONDS = 60
"""After so long a job is ended all the same: it must be over before arq's time-out."""
SWEEP_SECONDS = 1.0
STOP_SECONDS = 8.0
"""What is in hand at SIGTERM may go on for so long; then it is let go."""

log = structlog.get_logger("bridge.runtime.worker")


async def run_worker(
    syncer: Syncer, store: Store, connect: Callable[[], ArqRedis], stop: asyncio.Event
) -> None:
    """Serves until `stop` is set, whatever Redis does meanwhile. `connect`: a fresh pool for arq."""
    sweeper = asyncio.create_task(_sweep(store, f"{socket.gethostname()}:{os.getpid()}"))
    try:
        pause = 0.1
        while not stop.is_set():
            started = asyncio.get_running_loop().time()
            try:
                await _serve(_build(syncer, store, connect(), stop), stop)
            except Exception as exc:
                if asyncio.get_running_loop().time() - started > 30:
                    pause = 0.1
                log.warning("arq stopped; a new one is started", step="sync", error=repr(exc), after=pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
                pause = min(2.0, pause * 2)
    finally:
        await end(sweeper)


def _build(syncer: Syncer, store: Store, pool: ArqRedis, stop: asyncio.Event) -> Worker:
    async def sync_order(ctx: dict[Any, Any], order_key: str) -> None:
        """The order, and then whatever else has been rung for: the most wanted first, as of then, and without
        the half dozen round trips that arq needs to start and to end a job."""
        clock = asyncio.get_running_loop().time
        until, wanted = clock() + DRAIN_SECONDS, order_key
        while wanted:
            await syncer.sync_order(wanted)
            wanted = "" if stop.is_set() or clock() > until else await _next(store)

    return Worker(
        functions=[func(sync_order, name=JOB)],
        redis_pool=pool,
        handle_signals=False,
        max_jobs=MAX_JOBS,
        job_timeout=JOB_TIMEOUT,
        keep_result=0,
        max_tries=1,
        retry_jobs=False,
        poll_delay=POLL_SECONDS,
        queue_read_limit=1000,
        health_check_interval=30,
        log_results=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )


async def _next(store: Store) -> str:
    try:
        return await store.claim_next()
    except StoreUnavailable as exc:
        log.warning("store unavailable", step="take", error=str(exc))
        return ""


async def _serve(worker: Worker, stop: asyncio.Event) -> None:
    """Runs until `stop`, then finishes what is in hand; raises what arq raised."""
    main = asyncio.create_task(worker.main())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({main, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await end(main)  # before the jobs: it must not pick another one meanwhile
        if worker.tasks:
            await asyncio.wait(worker.tasks.values(), timeout=STOP_SECONDS)
        for task in worker.tasks.values():
            task.cancel()
        if worker.tasks:
            await asyncio.wait(worker.tasks.values(), timeout=1)
        if not main.cancelled():
            main.result()
    finally:
        await end(main)
        await end(stopping)
        with contextlib.suppress(Exception):
            await worker.pool.aclose(close_connection_pool=True)


async def _sweep(store: Store, name: str) -> None:
    while True:
        try:
            await store.sweep(name)
        except StoreUnavailable as exc:
            log.warning("store unavailable", step="sweep", error=str(exc))
        await asyncio.sleep(SWEEP_SECONDS)
