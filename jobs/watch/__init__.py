"""What is said of jobs on their way: read from the rows, derived, and never written.

::

    pace.py        how fast a job goes, when it may end, its images over time
    failures.py    what failed, grouped by code, host and area
    operations.py  the whole service: backlog, workers, hosts that fail
    hosts.py       paused photo hosts, and which images wait for them
    live.py        who is told when a job moves, without asking again and again
"""
