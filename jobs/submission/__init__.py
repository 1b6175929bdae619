"""From what a client sends to stored rows.

::

    visits_file.py ─┐
                   ├─> payload.py   checks every rule, and lists every problem at once
    JSON ──────────┘       │
                           ├─> submit.py    stores a job, its visits and its images in one transaction
                           └─> dry_run.py   reports what `submit` would do, and stores nothing

    plan.py says what becomes of each image, for both; turns.py in which order. strict_json.py reads the bytes, dates.py
    points in time as people write them; typos.py finds misspelled keys, doubts.py what is probably not as meant, and
    groups.py counts what a dry run finds. visit_rows.py gathers the rows of a file, and says what is wrong with them.
"""
