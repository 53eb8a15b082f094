"""`python -m tests.worlds.prefork`: starts `bridge` processes by fork, all imports done.

A start costs 0.1 s of CPU instead of 1 s, which is what makes a hundred kills a minute affordable. One JSON
object a line: `{"argv": […], "env": {…}, "cwd": "…", "log": "…"}` in, `{"pid": n}` out; later
`{"pid": n, "exit": code}`, negative for a signal. `argv` is of the `bridge` command; `sandbox <port>` and
`exec <file> …` are the prefork's own. When standard input ends, its whole process group is killed: start it
in a session of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import select
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn


def main() -> None:
    """Serves until standard input ends."""
    _preload()
    gc.freeze()
    tell({"ready": True})
    pending = b""
    while True:
        if select.select([0], [], [], 0.02)[0]:
            read = os.read(0, 65536)
            if not read:
                os.killpg(0, signal.SIGKILL)
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                tell({"pid": _start(json.loads(line))})
        for pid, code in _dead():
            tell({"pid": pid, "exit": code})


def _preload() -> None:
    """What a bridge process imports, without any of its threads."""
    for module in (
        "bridge.cli.main",
        "bridge.runtime.roles",
        "bridge.runtime.server",
        "bridge.runtime.wiring",
        "tests.worlds.sandbox",
    ):
        importlib.import_module(module)


def tell(said: dict[str, Any]) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


def _start(order: dict[str, Any]) -> int:
    pid = os.fork()
    return pid or _become(order)


def _become(order: dict[str, Any]) -> NoReturn:
    """The child: its own output, environment and chance; then it is `bridge`."""
    code = 70
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(Path(order["cwd"]) / order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        random.seed()
        sys.argv = ["bridge", *order["argv"]]
        code = _serve(order["argv"])
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(argv: list[str]) -> int:
    if argv[0] == "exec":
        os.execv(argv[1], argv[1:])
    if argv[0] == "sandbox":
        from tests.worlds.sandbox import main as sandbox

        sandbox(int(argv[1]))
        return 0
    from bridge.cli.main import main as bridge

    bridge()
    return 0


def _dead() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
