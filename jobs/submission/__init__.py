"""From what a client sends to rows.

::

    visits_csv.py ─┐
                   ├─> payload.py   checks every rule, and lists every fault at once
    JSON ──────────┘       │
                           ├─> submit.py    stores a job, its visits and its images, in one transaction
                           └─> dry_run.py   says what `submit` would do, and stores nothing

    dates.py and typos.py help: points in time as people write them, misspelled URLs and store ids.
"""
