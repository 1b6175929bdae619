"""What the service reports about jobs and images: derived from the rows, and never written.

::

    throughput.py      how fast a job goes, when it may end, its images over time
    failures.py        what failed, grouped by code, host and area
    overview.py        the whole service: backlog, workers, hosts that fail
    hosts.py           paused photo hosts, and which images wait for them
    snapshots.py       how old the oldest snapshot of the database is
    notifications.py   who is notified when a job moves, without polling
    exports.py         a job's results as CSV or NDJSON, of any size
    long_files.py      files made chunk by chunk while they are read, within EXPORT_SECONDS
    audit.py           whether rows contradict each other, checked by independent SQL
"""
