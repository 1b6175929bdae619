"""Ports for servers that are killed and started again on the same one."""

import random
import socket

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
