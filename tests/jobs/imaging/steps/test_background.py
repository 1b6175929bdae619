"""Does a thread that computes give way to the others?"""

import os
import sys
import threading

import pytest

from jobs.imaging.steps.background import NICENESS, give_way


def niceness(system, monkeypatch):
    """Of a thread that has given way."""
    found = []

    def compute():
        give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    monkeypatch.setattr(sys, "platform", system)
    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the threads of a process have one priority")
def test_a_thread_gives_way_and_no_other_of_its_process_does(monkeypatch):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness("linux", monkeypatch) == max(before, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_elsewhere_it_stays_as_it_is(monkeypatch):
    assert niceness("darwin", monkeypatch) == os.getpriority(os.PRIO_PROCESS, 0)
