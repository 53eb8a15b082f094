"""Programs in processes of their own, each on the core it is given, none of which outlives its parent."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Child:
    """A running program, spoken to in lines of JSON: `ask` writes one and returns the answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Sends the question, waits for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> Any:
        """The next line the program says. Raises RuntimeError when it ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a program of the bench ended with status {self._process.wait()}")
        return json.loads(line)


@contextmanager
def child(program: str, core: int, **given: Any) -> Iterator[Child]:
    """Runs `bench.<module>:<function>` of `program` on `core` with the arguments `given`, until the block
    ends."""
    command = [sys.executable, "-m", "bench.child", program, str(core), json.dumps(given)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Child(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def say(thing: object) -> None:
    """In a program: tells the parent."""
    print(json.dumps(thing), flush=True)


def questions() -> Iterator[Any]:
    """In a program that answers questions: each of them."""
    for line in sys.stdin:
        yield json.loads(line)


def die_with_parent() -> None:
    """In a program that is asked nothing: ends it when its parent is gone, however that came."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def pin(pid: int, core: int) -> None:
    """Keeps a process on one core, where the system allows it and there is such a core."""
    with contextlib.suppress(OSError, AttributeError):
        allowed = sorted(os.sched_getaffinity(0)) if pid == 0 else list(range(os.cpu_count() or 1))
        os.sched_setaffinity(pid, {allowed[core % len(allowed)]})


def main(program: str, core: str, given: str) -> None:
    """The other side of `child`."""
    pin(0, int(core))
    module, function = program.split(":")
    getattr(importlib.import_module(f"bench.{module}"), function)(**json.loads(given))


if __name__ == "__main__":
    main(*sys.argv[1:])
