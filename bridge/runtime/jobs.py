"""What web and worker share of arq: the job's name and JSON in place of pickle.

arq only runs and wakes; the truth is in `store.py`. The job itself is written by `lua/common.lua` (`notify`).
https://arq-docs.helpmanual.io/#custom-job-serializers
"""

from __future__ import annotations

import json
from typing import Any

JOB = "sync_order"
"""The only job; its one argument is the order's key."""


def serialize(job: dict[str, Any]) -> bytes:
    """JSON; what it cannot say (an exception among the results) is said by its repr."""
    return json.dumps(job, separators=(",", ":"), default=repr).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    """The inverse of `serialize`. Nobody who can write to Redis can run code here."""
    job: dict[str, Any] = json.loads(data)
    return job
