"""The HTTP APIs of the service.

::

    assignment/   the paths of the assignment, kept exactly as their clients know them
    v1/           everything under /api/v1/: jobs, images, stores, imports, exports, events
    problems.py   what both answer when something goes wrong
    middleware.py, pagination.py, idempotency.py, negotiation.py   what both share
"""
