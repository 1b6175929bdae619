"""The memory of this process, as Linux counts it: the resident set, in MiB."""

from pathlib import Path

from proofs.report import CannotProve

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident() -> float:
    """MiB at this moment."""
    return _read("VmRSS")


def peak() -> float:
    """The most MiB since `forget_peak`."""
    return _read("VmHWM")


def forget_peak() -> None:
    """Reset `peak`. Raises CannotProve where this is not Linux."""
    try:
        _RESET.write_text("5")
    except OSError as error:
        raise CannotProve(f"The peak of a process's memory needs Linux and {_RESET}: {error.strerror}.") from error


def _read(field: str) -> float:
    for line in _STATUS.read_text().splitlines():
        name, _, kilobytes = line.partition(":")
        if name == field:
            return int(kilobytes.split()[0]) / 1024
    raise CannotProve(f"{_STATUS} has no {field}.")
