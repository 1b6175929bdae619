"""The HTTP APIs of the service.

::

    assignment/   the paths of the assignment, kept exactly as their clients know them
    v1/           everything under /api/v1/: jobs, images, stores, imports, exports, events
    problems.py   errors as answers, and what both APIs share of them
    middleware.py, pagination.py, idempotency.py, negotiation.py   shared by both
"""
