"""Runs the command line as `python -I -m builder` does, and notes what it hands to others.

Run as a program: observer.py LOG ARGUMENT...  Into LOG go the arguments of every process that it
tries to start, and the contents of every file that it removes: what nobody could look at
afterwards. OBSERVER_PATIENCE is the number of seconds that the registry has for an answer.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress
from typing import Any

_log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _note(title: str, content: bytes) -> None:
    os.write(_log, f"\n{title}: ".encode() + content)


def _note_file(path: str) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _note(path, file.read())


def _observe(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}:
        _note(event, repr(arguments[:2]).encode())
    elif event == "os.remove":
        _note_file(os.fsdecode(arguments[0]))
    elif event == "shutil.rmtree":
        for folder, _, files in os.walk(arguments[0]):
            for file in files:
                _note_file(os.path.join(folder, file))  # noqa: PTH118 - as cheap as can be


if timeout := os.environ.pop("OBSERVER_PATIENCE", ""):
    from steps.registry.transport import Transport

    (Transport.__init__.__kwdefaults__ or {})["timeout"] = float(timeout)
sys.addaudithook(_observe)
runpy.run_module("builder", run_name="__main__", alter_sys=True)
