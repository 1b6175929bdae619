"""The assignment's HTTP API, kept exactly as its clients know it.

::

    urls.py -> views.py    the order of steps
        answers.py         the answers of the status endpoint
        visits.py          the search for visits
"""
