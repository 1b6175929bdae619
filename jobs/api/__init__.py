"""The assignment's HTTP API, kept exactly as its clients know it.

::

    urls.py -> views.py     the order of steps; the rest stands beside it:
        answers.py          what is said of a job                   visits.py     the search for visits
        pages.py            cursor and limit                        problems.py   everything that goes wrong

What a submission may look like stands one floor below, in `jobs/payload.py`.
"""
