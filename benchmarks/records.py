"""Outcomes recorded as an engine does it, and the processor time that takes; a separate program.

    python -m benchmarks.records

Needs the environment variables of the service whose queue it uses. For each line of standard input it claims every
image that is ready, records them as completed, and prints the milliseconds of an image as a JSON list: of its own
thread, and of its connection's process of PostgreSQL. Those of the claims do not count.
"""

import json
import sys
import time
from itertools import batched

import django

from benchmarks.accounting import CpuMeter

# Of an engine under load, see `jobs/engine/recorder.py`.
BATCH = 64


def main() -> None:
    from django.db import connection

    from jobs import queue
    from jobs.imaging.types import Evidence, Measurement, Outcome
    from jobs.models import Worker

    worker = Worker.objects.create(host="bench", pid=0, seats=BATCH).pk
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postgres = CpuMeter(cursor.fetchone()[0])
    evidence = Evidence(http_status=200, content_type="image/jpeg", bytes=1_000, fetch_ms=5, measure_ms=1)
    for _ in sys.stdin:
        claims = []
        while found := queue.claim(worker, BATCH):
            claims += found
        outcomes = [Outcome(claim, evidence, Measurement(640, 480, "JPEG")) for claim in claims]
        postgres.restart()
        begun = time.thread_time()
        for batch in batched(outcomes, BATCH):
            written = queue.record(worker, batch).written
            assert written == len(batch)
        own = time.thread_time() - begun
        sys.stdout.write(f"{json.dumps([1000 * each / len(outcomes) for each in (own, postgres.seconds())])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    django.setup()
    main()
