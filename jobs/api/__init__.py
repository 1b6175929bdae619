"""The assignment's HTTP API, kept exactly as its clients know it.

::

    urls.py -> views.py     the order of steps; the rest stands beside it:
        payload.py          a submission's shape and wording        instants.py   times as clients write them
        answers.py          what is said of a job                   visits.py     the search for visits
        pages.py            cursor and limit                        problems.py   everything that goes wrong
"""
