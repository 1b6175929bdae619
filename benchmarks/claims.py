"""Claims as an engine makes them, timed; a separate program.

    python -m benchmarks.claims NUMBER

Needs the environment variables of the service whose queue it uses. Prints the seconds of each claim as a JSON list.
"""

import json
import sys
import time

import django

SIZE = 64
WARM_UP = 3


def main(number: int) -> None:
    from jobs import queue
    from jobs.models import Worker

    worker = Worker.objects.create(host="bench", pid=0, seats=SIZE).pk
    seconds = []
    for _ in range(WARM_UP + number):
        begun = time.monotonic()
        claims = queue.claim(worker, SIZE)
        seconds.append(time.monotonic() - begun)
        assert len(claims) == SIZE
    json.dump(seconds[WARM_UP:], sys.stdout)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
