"""Models that compute on the processor, which the threads that answer requests want too."""

import os
import sys
import threading

NICENESS = 10


def give_way() -> None:
    """Let this thread have the processor when no other wants it, as far as the system can tell threads apart."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), NICENESS))
