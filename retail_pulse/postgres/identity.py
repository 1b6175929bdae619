"""The user that the server runs as: PostgreSQL refuses to run as root.

Root's server runs in a user namespace, in which root's files belong to an ordinary user. Where namespaces are
forbidden, as in most containers, it runs as an unprivileged user, who is given the state directory. For a state
directory that already belongs to an ordinary user, the server runs as that user, even if root starts it.
"""

import os
import pwd
from pathlib import Path


class NoServerUserError(Exception):
    """There is no user that the server can run as here; the text is a sentence for people."""


def become_server_user(state: Path, programs: Path) -> None:
    """Become a user that PostgreSQL runs as and that owns `state`. Raises NoServerUserError."""
    if os.geteuid() != 0:
        # initdb looks up the name of its user; the arbitrary ids of some container platforms have none.
        if not _has_name(os.geteuid()) and _namespace_allowed():
            _enter_namespace()
        return
    owner = state.stat()
    uid, gid = owner.st_uid, owner.st_gid
    if uid == 0 and _namespace_allowed():
        _enter_namespace()
        return
    os.setgroups([])
    if uid == 0:
        uid, gid = _unprivileged()
        # Checked before anything changes owner, so that a refusal leaves root's state as it was.
        _require_entrance([state.parent.parent, programs], uid, gid)
        _hand_over(state, uid, gid)
    _require_entrance([state, programs], uid, gid)
    os.setgid(gid)
    os.setuid(uid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _unprivileged() -> tuple[int, int]:
    """The user and group id of an ordinary user with a name on this machine."""
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        user = next(user for user in pwd.getpwall() if user.pw_uid)
    return user.pw_uid, user.pw_gid


def _enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    inner_uid, inner_gid = _unprivileged()
    os.unshare(os.CLONE_NEWUSER)
    # user_namespaces(7): without privileges in the parent, a group may be mapped only once setgroups is denied.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inner_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inner_gid} {gid} 1")


def _namespace_allowed() -> bool:
    """Tried in a child process, because a namespace entered half-way cannot be left again."""
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace()
        except (OSError, AttributeError):  # AttributeError: not Linux
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _hand_over(state: Path, uid: int, gid: int) -> None:
    for folder, _, names in os.walk(state):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, uid, gid, follow_symlinks=False)
    # Lets the new user through a home that is otherwise closed to everybody but its owner.
    os.chown(state.parent, -1, gid)
    state.parent.chmod(state.parent.stat().st_mode | 0o010)


def _require_entrance(folders: list[Path], uid: int, gid: int) -> None:
    os.setegid(gid)
    os.seteuid(uid)
    try:
        for folder in folders:
            for ancestor in (*reversed(folder.parents), folder):
                if not os.access(ancestor, os.X_OK, effective_ids=True):
                    raise NoServerUserError(
                        f"PostgreSQL refuses to run as root, and user id {uid}, as which it would run instead, "
                        f"cannot enter {ancestor}. Run as an ordinary user, move the checkout and RETAIL_PULSE_HOME "
                        "to where everybody may enter, or set DATABASE_URL to a server of your own."
                    )
    finally:
        os.seteuid(0)
        os.setegid(0)
