"""A program beside a proof that answers questions: JSON objects, a line each, on standard input and output."""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from proofs.world.child_process import ChildProcess


class AnsweringProcess(ChildProcess):
    """The program, asked from here; for one thread."""

    def ask(self, **question: Any) -> dict[str, Any]:
        self.input.write(json.dumps(question) + "\n")
        self.input.flush()
        answer: dict[str, Any] = json.loads(self.output.readline())
        return answer


async def answer_questions(answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Inside the program: answer until standard input ends, as it does when the parent process is gone."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    # In a separate thread: an event loop cannot wait for every kind of standard input.
    threading.Thread(target=_read, args=[asyncio.get_running_loop(), lines], daemon=True).start()
    while line := await lines.get():
        sys.stdout.write(json.dumps(await answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str]) -> None:
    for line in iter(sys.stdin.readline, ""):
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, "")
