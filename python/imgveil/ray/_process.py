"""The command in a process of its own, on a worker of Ray."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import Any, List, NamedTuple, Optional, Tuple

import ray

from .. import InvalidKeyError, _imgveil
from . import _secrets

#: How long the process that a dead worker left is waited for, in seconds.
_PATIENCE = 60.0
_BUSY = "another imgveil is writing"

# Ends with the worker that started it: the pipe on its standard input closes when the worker dies.
_PROGRAM = """import os, signal, sys, threading
if sys.path[:1] == [""]:
    del sys.path[0]
def end_with_worker():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=end_with_worker, daemon=True).start()
from imgveil._command import main
main()"""


class Ended(NamedTuple):
    """How a run of the command ended."""

    code: int
    #: Standard output.
    out: str
    #: Standard error.
    words: str


class Killed(Exception):
    """A signal ended the command. Ray runs the task again."""


class Unshared(NamedTuple):
    """A machine that does not see what the driver sees."""

    machine: str


def run(command: List[str], source: Tuple[str, Optional[str]], key: List[Any], marker: Tuple[str, str]) -> Any:
    """Runs the command of these words. `source` says where the key is: `("path", flag and path)`, `("environment",
    None)`, `("reference", None)` with a reference to it in the list `key`, or `("none", None)`.

    Returns `Ended`, or `Unshared` if `marker`, a file of the driver, is not seen here with the text that it holds.
    Raises `Killed`.
    """
    if not _sees(marker):
        return Unshared(socket.gethostname())
    if not _imgveil.has_command:
        return Ended(1, "", "error: this build of the package is without the command")
    try:
        text, flags = _key_of(source, key)
    except (InvalidKeyError, TypeError) as error:
        return Ended(4, "", f"error: {error}")
    given = processors()
    if given is not None and command[0] == "encrypt" and not any(word.startswith("--threads") for word in command):
        # A task keeps to the processors that Ray gave it: others of the machine are other tasks'.
        flags = [*flags, f"--threads={given}"]
    until = time.monotonic() + _PATIENCE
    while True:
        ended = _once(command, flags, text)
        if ended.code < 0:
            raise Killed(f"signal {-ended.code} ended the command on {socket.gethostname()}")
        # The process of a worker that died, here or elsewhere, needs a moment to end.
        if ended.code == 0 or _BUSY not in ended.words or time.monotonic() > until:
            return ended
        time.sleep(0.25)


def processors() -> Optional[int]:
    """How many processors Ray gave to this worker, at least one. `None` where this process is no worker of Ray."""
    if not ray.is_initialized() or ray.get_runtime_context().worker.mode != ray.WORKER_MODE:
        return None
    return max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1)))


def _sees(marker: Tuple[str, str]) -> bool:
    path, token = marker
    try:
        with open(path) as file:
            return file.read() == token
    except OSError:
        return False


def _key_of(source: Tuple[str, Optional[str]], key: List[Any]) -> Tuple[Optional[str], List[str]]:
    """The text of a key that the process reads from a pipe, if it has no file; and the flags of one that has."""
    where, words = source
    if where == "reference":
        return _secrets.referred(key[0]).reveal(), []
    if where == "environment":
        found = _secrets.of_environment()
        return (None, [f"--key={found}"]) if isinstance(found, str) else (found.reveal(), [])
    return None, [words] if words else []


def _once(command: List[str], flags: List[str], text: Optional[str]) -> Ended:
    environment = {name: value for name, value in os.environ.items() if name != _secrets.VARIABLE}
    # Where this worker found the package.
    package = os.path.dirname(os.path.dirname(os.path.abspath(_imgveil.__file__)))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), package]))
    alive, held = os.pipe()
    passed: List[int] = []
    try:
        if text is not None:
            reading, writing = os.pipe()
            passed.append(reading)
            with os.fdopen(writing, "w") as pipe:
                pipe.write(text + "\n")
            flags = [f"--key=/dev/fd/{reading}", *flags]
        words = [sys.executable, "-c", _PROGRAM, command[0], *flags, *command[1:]]
        process = subprocess.Popen(
            words,
            stdin=alive,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=passed,
            env=environment,
            encoding="utf-8",
            errors="replace",
        )
        try:
            out, told = process.communicate()
        finally:
            # A task that is cancelled must not leave it.
            process.kill()
            process.wait()
    finally:
        for end in [alive, held, *passed]:
            os.close(end)
    return Ended(process.returncode, out, told)
