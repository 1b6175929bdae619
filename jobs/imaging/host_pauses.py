"""The pauses of photo hosts, which all processes share: a host that one of them pauses gets no request from any.

What a process decides by itself, whether a host is paused and for how long, is in `host.py`. Here is what it tells the
others and learns from them; the table between them is `queue/hosts.py`'s.
"""

import threading
from collections.abc import Callable, Mapping

from jobs.imaging.host import LONGEST_PAUSE_SECONDS, Host, Pause

# The most hosts that are remembered; idle ones are forgotten first.
MOST_HOSTS = 4_096


class HostPauses:
    """The hosts that one process knows, and which of them are paused.

    `few` is the window that a host begins with, and how many paused hosts are probed at once. For `patience` seconds
    the refusals of a host cost its images no attempt; 0 pauses no host. `clock` gives seconds that only rise.
    """

    def __init__(self, few: int, patience: float, clock: Callable[[], float]) -> None:
        self._few = few
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        # Those of them that have ever refused.
        self._troubled: dict[str, Host] = {}
        # Hosts whose pauses have begun, grown or ended here, and that the other processes do not know of.
        self._changed: set[str] = set()
        # Hosts that the other processes know to be paused.
        self._shared: set[str] = set()
        # Hosts whose probe was refused after their patience had ended: that refusal counts for all that wait.
        self._exhausted: dict[str, Pause] = {}

    def due(self, most: int) -> list[str]:
        """Paused hosts to be probed now, those first whose pauses ended first; few at a time.

        Not before the others know how the last probe went: they would take the next one of ours for theirs.
        """
        with self._lock:
            now = self._clock()
            probes = sum(entry.probe is not None for entry in self._troubled.values())
            due = [
                (entry.pause.until, name)
                for name, entry in self._troubled.items()
                if entry.pause is not None
                and entry.probe is None
                and entry.pause.until <= now
                and name not in self._changed
            ]
            return [name for _, name in sorted(due)[: max(0, min(most, self._few - probes))]]

    def pause_number(self, host: str) -> int:
        """Which pause in a row the host is in, 1 for the first; 0 where it is not paused."""
        with self._lock:
            entry = self._hosts.get(host)
            return 0 if entry is None or entry.pause is None else entry.pause.number

    def resume(self, host: str) -> None:
        """End a pause for which nothing waits."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and entry.pause is not None:
                self._end_pause(entry)

    def exhausted(self) -> tuple[str, Pause] | None:
        """A host whose last refusal counts for every image that waits for it, until `counted` is called."""
        with self._lock:
            return next(iter(self._exhausted.items()), None)

    def counted(self, host: str) -> None:
        with self._lock:
            self._exhausted.pop(host, None)

    def changed_pauses(self) -> dict[str, Pause | None]:
        """The pauses that have begun, grown or ended here and were not `shared` yet; None for those that ended."""
        with self._lock:
            return {name: entry.pause if (entry := self._hosts.get(name)) else None for name in self._changed}

    def shared(self, changed: Mapping[str, Pause | None]) -> None:
        """The other processes have been told of these."""
        with self._lock:
            for name, pause in changed.items():
                if pause is not None:
                    self._shared.add(name)
                else:
                    self._shared.discard(name)
                # It may have changed again meanwhile.
                if (entry := self._hosts.get(name)) is None or entry.pause is pause:
                    self._changed.discard(name)

    def learn_pauses(self, shared: Mapping[str, Pause], up_to: str | None = None) -> None:
        """Take over the pauses that all processes share; one of them that is gone has ended.

        `up_to` is the last name where only the first ones were read: of those behind it, nothing is known.
        """
        with self._lock:
            if not self._patience:
                # Somebody with more patience has left them: nobody waits for them here.
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
                    # Nobody may ask for so long: the database's clock was set, and the pause is over.
                    self._changed.add(name)
                    continue
                entry = self._host(name)
                entry.pause, entry.has_answered = pause, False
                self._troubled[name] = entry

    def _note_refusal(self, entry: Host, before: Pause | None, now: float) -> None:
        """The host has refused; `before` is the pause that it was in until then, if any."""
        self._troubled[entry.name] = entry
        if entry.pause is not before and entry.pause is not None:
            self._changed.add(entry.name)
            # Not where it has only been asked to wait for longer.
            is_next = before is None or entry.pause.number > before.number
            if is_next and now - entry.pause.since >= self._patience:
                self._exhausted[entry.name] = entry.pause

    def _note_recovery(self, entry: Host) -> None:
        """The host has answered its probe: its pause is over."""
        self._exhausted.pop(entry.name, None)
        self._changed.add(entry.name)

    def _end_pause(self, entry: Host) -> None:
        entry.forgive()
        self._note_recovery(entry)

    def _host(self, name: str) -> Host:
        entry = self._hosts.get(name)
        if entry is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget()
            entry = self._hosts[name] = Host(name, float(self._few), self._clock())
        return entry

    def _forget(self) -> None:
        """Make room for other hosts: a quarter goes, those idle for the longest, paused ones last.

        A pause that is forgotten here is still in the table, and is learned again.
        """
        idle = [entry for entry in self._hosts.values() if not entry.flights]
        idle.sort(key=lambda entry: (entry.pause is not None, entry.used))
        for entry in idle[: max(1, MOST_HOSTS // 4)]:
            del self._hosts[entry.name]
            self._troubled.pop(entry.name, None)
