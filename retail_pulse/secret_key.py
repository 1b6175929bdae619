"""The service's own secret key: made once, kept in its state directory."""

import os
import secrets
import tempfile
from pathlib import Path


def kept_key(path: Path) -> str:
    """The key in the file `path`, made where there is none; readable by its owner alone. Raises OSError."""
    if not path.exists():
        _make(path)
    return path.read_text()


def _make(path: Path) -> None:
    """Written to a draft and linked into place: of several first processes one wins, and none reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A random name, not the process id: containers that share the directory may have the same ids.
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    draft = Path(name)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
