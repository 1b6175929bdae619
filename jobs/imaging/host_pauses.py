"""Pauses of photo hosts, which all processes share: a host that one process pauses gets no request from any of them.

`host.py` decides whether a host is paused and for how long. This module keeps what a process has to report to the
others and what it has learned from them; `queue/hosts.py` writes and reads the table between them.
"""

import threading
from collections.abc import Callable, Mapping

from jobs.imaging.host import LONGEST_PAUSE_SECONDS, Host, Pause

# How many hosts are remembered at most; idle ones are forgotten first.
MOST_HOSTS = 4_096


class HostPauses:
    """The hosts that one process knows, and which of them are paused.

    `few` is the window that a host begins with, and how many paused hosts are probed at once. For `patience` seconds
    the refusals of a host cost its images no attempt; with 0 no host is paused. `clock` gives monotonic seconds.
    """

    def __init__(self, few: int, patience: float, clock: Callable[[], float]) -> None:
        self._few = few
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        # Those of them that have ever refused a request.
        self._refusers: dict[str, Host] = {}
        # Hosts whose pause has begun, grown or ended in this process, which the other processes do not know yet.
        self._changed: set[str] = set()
        # Hosts that the other processes know to be paused.
        self._shared: set[str] = set()
        # Hosts whose probe was refused when `patience` was over: that refusal counts for all images that wait.
        self._exhausted: dict[str, Pause] = {}

    def due(self, most: int) -> list[str]:
        """Up to `most` paused hosts to be probed now, the longest overdue first; few at a time.

        A host is not probed before the other processes know how the last probe went: they would send one, too.
        """
        with self._lock:
            now = self._clock()
            probes = sum(entry.probe is not None for entry in self._refusers.values())
            due = [
                (entry.pause.until, name)
                for name, entry in self._refusers.items()
                if entry.pause is not None
                and entry.probe is None
                and entry.pause.until <= now
                and name not in self._changed
            ]
            return [name for _, name in sorted(due)[: max(0, min(most, self._few - probes))]]

    def pause_number(self, host: str) -> int:
        """The number of the host's current pause in a row, 1 for the first; 0 where it is not paused."""
        with self._lock:
            entry = self._hosts.get(host)
            return 0 if entry is None or entry.pause is None else entry.pause.number

    def resume(self, host: str) -> None:
        """End the host's pause, if it has one."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and entry.pause is not None:
                self._end_pause(entry)

    def exhausted(self) -> tuple[str, Pause] | None:
        """A host whose last refusal counts for all images waiting for it, and its pause; until `counted` is called."""
        with self._lock:
            return next(iter(self._exhausted.items()), None)

    def counted(self, host: str) -> None:
        """The refusal that `exhausted` returned has been recorded for the images that waited."""
        with self._lock:
            self._exhausted.pop(host, None)

    def changed_pauses(self) -> dict[str, Pause | None]:
        """The pauses that have begun, grown or ended here and are not `shared` yet; None for those that have ended."""
        with self._lock:
            return {name: entry.pause if (entry := self._hosts.get(name)) else None for name in self._changed}

    def shared(self, changed: Mapping[str, Pause | None]) -> None:
        """The other processes know of these changes now."""
        with self._lock:
            for name, pause in changed.items():
                if pause is not None:
                    self._shared.add(name)
                else:
                    self._shared.discard(name)
                # It may have changed again in the meantime.
                if (entry := self._hosts.get(name)) is None or entry.pause is pause:
                    self._changed.discard(name)

    def learn_pauses(self, shared: Mapping[str, Pause], up_to: str | None = None) -> None:
        """Take over the pauses that all processes share; a pause that is no longer among them has ended.

        `up_to` is the last name that was read, if only the first ones were: nothing is known of the names after it.
        """
        with self._lock:
            if not self._patience:
                # A process with other settings has left them: here, no image waits for a host.
                self._changed |= shared.keys()
                return
            for name in [name for name in self._shared if name not in shared and (up_to is None or name <= up_to)]:
                self._shared.discard(name)
                entry = self._hosts.get(name)
                if entry is not None and entry.pause is not None and name not in self._changed:
                    self._end_pause(entry)
                    self._changed.discard(name)
            longest = self._clock() + LONGEST_PAUSE_SECONDS + 1
            for name, pause in shared.items():
                self._shared.add(name)
                if name in self._changed:
                    continue
                if pause.until > longest:
                    # No pause is that long: the database's clock was changed, and the pause is over.
                    self._changed.add(name)
                    continue
                entry = self._host(name)
                entry.pause, entry.has_answered = pause, False
                self._refusers[name] = entry

    def _note_refusal(self, entry: Host, before: Pause | None, now: float) -> None:
        """The host has refused; `before` is the pause it had until then, if any."""
        self._refusers[entry.name] = entry
        if entry.pause is not before and entry.pause is not None:
            self._changed.add(entry.name)
            # A longer Retry-After extends a pause without beginning the next one.
            is_next = before is None or entry.pause.number > before.number
            if is_next and now - entry.pause.since >= self._patience:
                self._exhausted[entry.name] = entry.pause

    def _note_recovery(self, entry: Host) -> None:
        """The host's pause is over, which the other processes have to learn."""
        self._exhausted.pop(entry.name, None)
        self._changed.add(entry.name)

    def _end_pause(self, entry: Host) -> None:
        entry.recover()
        self._note_recovery(entry)

    def _host(self, name: str) -> Host:
        entry = self._hosts.get(name)
        if entry is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget()
            entry = self._hosts[name] = Host(name, float(self._few), self._clock())
        return entry

    def _forget(self) -> None:
        """Forget a quarter of the hosts: those idle for the longest first, paused ones last.

        A pause that is forgotten here is still in the table and will be learned again.
        """
        idle = [entry for entry in self._hosts.values() if not entry.flights]
        idle.sort(key=lambda entry: (entry.pause is not None, entry.used))
        for entry in idle[: max(1, MOST_HOSTS // 4)]:
            del self._hosts[entry.name]
            self._refusers.pop(entry.name, None)
