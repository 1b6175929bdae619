"""How far the priority of a job, of an image and of a category's rule goes; a step's worth is in `jobs/queue/rank.py`.

Here because stores are below all that know priorities.
"""

LOWEST_PRIORITY, HIGHEST_PRIORITY = -9, 9
