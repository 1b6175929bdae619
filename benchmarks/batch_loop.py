"""Images through the batcher alone, without downloads: a separate program.

    python -m benchmarks.batch_loop --images 20000 --slots 64

The model waits 10 ms for a call and 0.5 ms for an image, which costs no processor time: so all that is counted is the
batcher's, and the loop's that asks it. Prints one line of JSON: seconds, processor seconds, and the images of a call.
"""

import argparse
import io
import json
import sys
import threading
import time

from jobs.imaging.batcher import Batcher
from jobs.imaging.types import Claim, Measurement
from proofs.world.models import Fake

CLAIM = Claim(1, 1, claim_no=1, attempt=1, url="http://photos.test/")
MEASUREMENT = Measurement(64, 64, "JPEG")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args(arguments)

    def no_loss(_: object) -> None:
        raise AssertionError("The model hangs.")

    batcher = Batcher([Fake()], size=options.batch, linger_seconds=0.005, step_seconds=60, lose=no_loss)
    batcher.start()

    def work(images: int) -> None:
        for _ in range(images):
            item = batcher.prepare(io.BytesIO(), MEASUREMENT)
            batcher.submit(CLAIM, item).wait()

    images = options.images // options.slots
    slots = [threading.Thread(target=work, args=[images]) for _ in range(options.slots)]
    cpu, begun = time.process_time(), time.monotonic()
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join()
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    figures = batcher.figures
    batcher.close()
    found = {"images": images * options.slots, "seconds": seconds, "cpu": cpu}
    json.dump({**found, "batch": figures.total_images / figures.total_batches}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
