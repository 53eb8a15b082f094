"""Whether this Redis keeps what it acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from bridge.reasons import NO_REASON, Reason, because
from bridge.valkey.scripts import redis_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What a Redis says of itself; None where it does not let us see.

    `promoted`: it was a replica once, and may lack what the primary before it had acknowledged.
    """

    appendonly: bool | None = None
    fsync: str | None = None
    eviction: str | None = None
    promoted: bool = False

    @property
    def durable(self) -> bool:
        """Every acknowledged write survives a crash of the server."""
        return bool(self.appendonly) and self.fsync == "always" and not self.promoted

    def observed(self) -> dict[str, Any]:
        """For health and `bridge check`."""
        return {"appendonly": self.appendonly, "appendfsync": self.fsync, "eviction": self.eviction}

    def problem(self) -> Reason:
        """What is wrong and how to mend it."""
        cures = []
        if not self.appendonly:
            cures.append("appendonly yes")
        if self.fsync != "always":
            cures.append("appendfsync always")
        if self.eviction != "noeviction":
            cures.append("maxmemory-policy noeviction")
        if not cures:
            return NO_REASON
        code = "redis_hides_settings" if self.fsync is None else "redis_forgets"
        return because(code, settings=", ".join(cures))


async def look_at_durability(redis: Any) -> Durability:
    """Asks Redis; managed ones often refuse CONFIG and only say whether there is an AOF.

    Raises StoreUnavailable.
    """
    with redis_errors("durability"):
        persistence = await redis.info("persistence")
        replication = await redis.info("replication")
        try:
            config = await redis.config_get("appendfsync", "maxmemory-policy")
        except ResponseError:
            config = {}
    return Durability(
        appendonly=bool(persistence["aof_enabled"]) if "aof_enabled" in persistence else None,
        fsync=config.get("appendfsync"),
        eviction=config.get("maxmemory-policy"),
        promoted=set(str(replication.get("master_replid2", "0"))) != {"0"},
    )


async def memory_used(redis: Any) -> float:
    """The used share of `maxmemory`; 0.0 where there is no limit. Raises StoreUnavailable."""
    with redis_errors("memory"):
        memory = await redis.info("memory")
    limit = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / limit if limit else 0.0
