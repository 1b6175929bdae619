"""Strangers: images in flight whose host had not answered when they began."""

from collections import Counter


class Strangers:
    """They share a bounded part of the `slots`; the caller holds its lock."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._by_job: Counter[int] = Counter()
        # By host and image, in the order in which they began.
        self._began: dict[tuple[str, int], float] = {}

    def __len__(self) -> int:
        return len(self._began)

    def add(self, host: str, image: int, job: int, now: float) -> None:
        self._by_job[job] += 1
        self._began[host, image] = now

    def remove(self, host: str, image: int, job: int) -> None:
        self._began.pop((host, image), None)
        self._by_job[job] -= 1
        if not self._by_job[job]:
            del self._by_job[job]

    def room(self, job: int, *, has_others: bool) -> int:
        """How many more of the job's images may begin; `has_others`: hosts that have answered need slots, too.

        Half of what the other jobs' strangers leave, so that one more job still finds something.
        """
        part = max(1, self._slots // 2 if has_others else self._slots * 3 // 4)
        return (part - len(self) - self._by_job[job] + 1) // 2

    def oldest(self, now: float) -> float:
        """For how many seconds the first of them has been in flight; 0 where there is none."""
        return now - next(iter(self._began.values()), now)
