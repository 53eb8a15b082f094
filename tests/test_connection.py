"""Commands of many requests share their way to Redis, and each gets its own answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from bridge.errors import StoreUnavailable
from bridge.runtime.wiring import connect
from bridge.store.store import Store
from bridge.valkey.connection import ANSWER_SECONDS, SharedConnection
from bridge.valkey.embedded import EmbeddedValkey
from bridge.valkey.pools import open_pool


async def test_each_gets_its_own_answer(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    answers = await asyncio.gather(*(pipe.run("ECHO", f"word {n}") for n in range(500)))
    assert answers == [b"word %d" % n for n in range(500)]


async def test_who_comes_together_travels_together(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    await pipe.run("PING")
    connections = int((await redis.info("stats"))["total_connections_received"])
    await asyncio.gather(*(pipe.run("SET", f"k{n}", b"\0\xff", "NX") for n in range(200)))
    received = int((await redis.info("stats"))["total_connections_received"])
    assert received - connections == 0
    assert await redis.get("k199") == b"\0\xff"


async def test_a_refused_command_fails_alone(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    await redis.set("text", "abc")
    commands = [("GET", "text"), ("INCR", "text"), ("GET", "text")]
    answers: list[Any] = await asyncio.gather(*(pipe.run(*one) for one in commands), return_exceptions=True)
    assert (answers[0], answers[2]) == (b"abc", b"abc")
    assert isinstance(answers[1], ResponseError)


async def test_who_gives_up_leaves_the_others_their_answers(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    tasks = [asyncio.create_task(pipe.run("ECHO", n)) for n in range(20)]
    await asyncio.sleep(0)
    tasks[7].cancel()
    answers: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers.pop(7), asyncio.CancelledError)
    assert answers == [b"%d" % n for n in range(20) if n != 7]


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """A Valkey that a test may stop."""
    with EmbeddedValkey(tmp_path) as server:
        yield server


async def test_a_redis_that_hangs_fails_everyone_in_time_and_nobody_gets_a_strangers_answer(own: Any) -> None:
    redis = connect(own.url)
    pipe = SharedConnection(redis.connection_pool)
    await pipe.run("PING")
    os.kill(own.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        waves = []
        for wave in range(10):  # the later ones find every lane taken
            waves += [asyncio.create_task(pipe.run("ECHO", f"{wave}")) for _ in range(5)]
            await asyncio.sleep(0.02)
        answers = await asyncio.gather(*waves, return_exceptions=True)
        assert time.monotonic() - began < ANSWER_SECONDS + 1
    finally:
        os.kill(own.pid, signal.SIGCONT)
    assert all(isinstance(answer, RedisError | OSError) for answer in answers)
    assert await pipe.run("ECHO", "mine") == b"mine"
    await redis.aclose(close_connection_pool=True)


async def test_it_finds_a_redis_that_was_started_again(own: Any) -> None:
    redis = connect(own.url)
    pipe = SharedConnection(redis.connection_pool)
    await pipe.run("SET", "kept", "1")
    os.kill(own.pid, signal.SIGKILL)
    kept = None
    async with asyncio.timeout(20):
        while kept is None:
            try:
                kept = await pipe.run("GET", "kept")
            except (RedisError, OSError):
                await asyncio.sleep(0.05)
    assert kept == b"1"
    await redis.aclose(close_connection_pool=True)


async def test_a_replica_is_left_for_whoever_is_primary_now(own: Any) -> None:
    redis = connect(own.url)
    pipe = SharedConnection(redis.connection_pool)
    await pipe.run("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(ReadOnlyError):
        await pipe.run("SET", "key", "1")
    connections = int((await redis.info("stats"))["total_connections_received"])
    assert await pipe.run("REPLICAOF", "NO", "ONE") == b"OK"
    assert await pipe.run("SET", "key", "1") == b"OK"
    assert int((await redis.info("stats"))["total_connections_received"]) == connections + 1
    await redis.aclose(close_connection_pool=True)


async def test_a_lost_connection_is_replaced_and_gives_its_place_back(redis_url: str) -> None:
    pool = open_pool(redis_url, max_connections=2, timeout=1)
    pipe, redis = SharedConnection(pool), Redis(connection_pool=pool)
    for _ in range(5):
        await redis.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(5):
            while not await answers(pipe):
                pass
    await redis.aclose(close_connection_pool=True)


async def answers(pipe: SharedConnection) -> bool:
    with contextlib.suppress(RedisError, OSError):
        return bool(await pipe.run("PING") == b"PONG")
    return False


async def test_who_gives_up_while_it_connects_leaves_the_others_theirs(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    tasks = [asyncio.create_task(pipe.run("ECHO", n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    said: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(said[0], asyncio.CancelledError)
    assert said[1:] == [b"1", b"2"]


async def test_an_answer_of_many_pieces_and_many_answers_in_one(redis: Redis) -> None:
    pipe = SharedConnection(redis.connection_pool)
    large = bytes(range(256)) * 20_000
    said = await asyncio.gather(*(pipe.run("ECHO", text) for text in (b"a", large, b"b", large)))
    assert said == [b"a", large, b"b", large]


async def test_a_script_that_redis_forgot_is_sent_again(redis: Redis) -> None:
    store = Store(redis, retention=timedelta(days=1))
    await store.vitals()
    await redis.script_flush()
    assert (await store.vitals()).waiting == 0


async def test_a_redis_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    redis = connect(f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(StoreUnavailable, match="vitals"):
        await Store(redis, retention=timedelta(days=1)).vitals()
    await redis.aclose(close_connection_pool=True)
