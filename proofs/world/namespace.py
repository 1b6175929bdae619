"""A separate network for this process, in which every address leads to this machine: nothing leaves it.

As root in a new network namespace, otherwise in a user namespace that may have one. `lo` receives every packet,
whatever its address (local routes for 0.0.0.0/0 and ::/0), and the process has its own resolv.conf, so that the real
`getaddrinfo` asks the proof's name server.
"""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from proofs.report import CannotProve

# linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h, linux/sockios.h, sys/mount.h
_RTM_NEWADDR, _RTM_NEWROUTE = 20, 24
_REQUEST_ACK_CREATE = 0x405
_RTA_OIF = 4
_IFA_LOCAL, _IFA_FLAGS, _IFA_F_NODAD = 2, 8, 2
_TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL = 255, 4, 254, 2
_GET_FLAGS, _SET_FLAGS, _IFF_UP = 0x8913, 0x8914, 1
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_LO = 1  # the first interface of every namespace


def enter() -> None:
    """Move this process, which must have only one thread, into new namespaces. Raises CannotProve."""
    user, group = os.geteuid(), os.getegid()
    try:
        if user == 0:
            os.unshare(os.CLONE_NEWNET | os.CLONE_NEWNS)
        else:
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWNS)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        # What is mounted from now on is only visible to this process.
        _mount("none", "/", _MS_REC | _MS_PRIVATE)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            request = struct.pack("16sH14x", b"lo", 0)
            (flags,) = struct.unpack_from("H", fcntl.ioctl(sock, _GET_FLAGS, request), 16)
            fcntl.ioctl(sock, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
    except (OSError, AttributeError) as error:
        raise CannotProve(f"this process may not create a network namespace ({error}).") from error


def add_address(address: str) -> None:
    """Add an address to `lo`: from now on it belongs to this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    message = struct.pack("=BBBBI", family, len(packed) * 8, 0, 0, _LO)
    _ask(_RTM_NEWADDR, message + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_FLAGS, _u32(_IFA_F_NODAD)))


def answer_everywhere() -> None:
    """From now on every address is reached on `lo`. Raises CannotProve where there is no IPv6."""
    for family in (socket.AF_INET, socket.AF_INET6):
        message = struct.pack(
            "=BBBBBBBBI", family, 0, 0, 0, _TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL, 0
        )
        _ask(_RTM_NEWROUTE, message + _attribute(_RTA_OIF, _u32(_LO)))


def resolve_by(folder: Path, resolv_conf: str) -> None:
    """Let the C library ask the name servers of `resolv_conf`, after /etc/hosts; the files are kept in `folder`."""
    for name, text in (("resolv.conf", resolv_conf), ("nsswitch.conf", "hosts: files dns\n")):
        if Path("/etc", name).exists() or name == "resolv.conf":
            (folder / name).write_text(text)
            try:
                _mount(str(folder / name), f"/etc/{name}", _MS_BIND)
            except OSError as error:
                raise CannotProve(f"nothing can be mounted over /etc/{name} ({error}).") from error


def _mount(source: str, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(flags), None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def _ask(kind: int, message: bytes) -> None:
    """Send one message to the kernel's routing socket and read its answer. Raises CannotProve."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(message), kind, _REQUEST_ACK_CREATE, 1, 0) + message)
        (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
    if error:
        raise CannotProve(f"the namespace cannot be given every address ({os.strerror(-error)}).")


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value.ljust((len(value) + 3) & ~3, b"\0")


def _u32(value: int) -> bytes:
    return struct.pack("=I", value)
