"""All jobs deleted by the ORM, one at a time, timed; a separate program.

    python -m benchmarks.cascade

Needs the environment variables of the service whose database it empties. Prints the images a second as JSON.
"""

import json
import sys
import time

import django


def main() -> None:
    from jobs.models import ImageResult, Job

    images = ImageResult.objects.count()
    begun = time.monotonic()
    for job in Job.objects.order_by("pk"):
        job.delete()
    json.dump({"rate": images / (time.monotonic() - begun)}, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main()
