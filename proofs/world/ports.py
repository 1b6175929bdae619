"""Ports of 127.0.0.1: for servers that are killed and started again on the same one, and ports that never answer."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# Below the kernel's range for outgoing connections (32768 on Linux): while a server is down, no client's local port may
# take its place, and no client that connects there may end up connected to itself.
_PORTS = range(12_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    for port in random.SystemRandom().sample(_PORTS, 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("This machine has no free port on 127.0.0.1.")


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port without a listener, reserved so that nobody else can take it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def never_accepting_port() -> Iterator[int]:
    """A port whose full backlog drops further connections silently, as a dead host does."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
