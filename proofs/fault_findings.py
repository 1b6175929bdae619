"""The result of a fault case, and whether it is as expected."""

from dataclasses import dataclass

from proofs.fault_cases import Case

LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one case. `seconds` is how long the slot was taken."""

    title: str
    code: str | None
    attempts: int
    retry_after: float | None
    message: str
    seconds: float
    after: str | None
    """How the good image in the same slot failed afterwards: None where it was measured."""
    megabytes: float | None = None
    """By how much the memory grew at most, in MiB; only with a single slot."""

    def surprises(self, case: Case) -> list[str]:
        """What is not as expected, except time and memory."""
        found = []
        if self.code != case.code:
            found.append(f"ended as {self.code or 'measured'}, expected {case.code or 'measured'}")
        if self.attempts != case.attempts:
            found.append(f"gets {self.attempts} attempts, expected {case.attempts}")
        if not _is_about(self.retry_after, case.retry_after):
            found.append(f"waits for {self.retry_after} s, expected {case.retry_after}")
        if len(self.message) > LONGEST_MESSAGE or not self.message.isprintable():
            found.append(f"says {self.message!r}")
        if self.after is not None:
            found.append(f"the next download in the slot ended as {self.after}")
        return found


@dataclass(frozen=True, slots=True)
class Leftovers:
    """A process before its slots were opened, and after they were closed."""

    threads: tuple[int, int]
    descriptors: tuple[int, int]
    megabytes: float
    """By how much the memory grew at most, in MiB, for all slots together."""


def _is_about(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    # Dates have whole seconds, and were made a moment ago.
    return abs(found - expected) < (60 if expected >= 60 else 2)
