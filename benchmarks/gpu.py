"""A real network on a real device, through the engine's batcher; a separate program, for a machine with a GPU.

    python -m benchmarks.gpu                      # ResNet-50 in half precision on the first GPU, 256 slots
    python -m benchmarks.gpu --model tiny --images 2000 --slots 64 --batch 32    # any machine, to see that it works

Needs PyTorch, for ResNet-50 torchvision too, and of this project's packages only Django and Pillow: no database and no
downloads. Every image is decoded before the clock starts, so that it measures the model, its transfers and the batcher.
Prints a table, and exits with 1 where a target is missed (on a GPU with ResNet-50 alone), with 3 without PyTorch.
"""

import argparse
import importlib
import io
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image

from jobs.imaging.batch import BatchStep
from jobs.imaging.batcher import Batcher
from jobs.imaging.sample import SAMPLE, sample_file
from jobs.imaging.types import Claim, Measurement

CLAIM = Claim(1, 1, claim_no=1, attempt=1, url="http://photos.test/")
SIDE = 224
CANNOT_MEASURE = 3
# Of the rate at which images go one by one, and of the rate of the device alone for the same batch.
GAIN, SHARE = 20.0, 0.5


class Network(BatchStep):
    """A classifier without trained weights: the work is the same."""

    version = "0"

    def __init__(self, torch: Any, model: str, device: str) -> None:
        self.name = model
        self._torch = torch
        self._device = device
        self._type = torch.float16 if device == "cuda" else torch.float32

    def load(self) -> None:
        torch = self._torch
        if self.name == "resnet50":
            network = importlib.import_module("torchvision.models").resnet50()
        else:
            layers = torch.nn
            network = layers.Sequential(
                layers.Conv2d(3, 8, 7, stride=4),
                layers.ReLU(),
                layers.AdaptiveAvgPool2d(1),
                layers.Flatten(),
                layers.Linear(8, 10),
            )
        self._network = network.eval().to(self._device, self._type, memory_format=torch.channels_last)

    def prepare(self, image: IO[bytes], measurement: Measurement) -> Any:
        """A tensor of 224 x 224 pixels, in memory that the device can read."""
        with Image.open(image) as photo:
            pixels = bytearray(photo.convert("RGB").resize((SIDE, SIDE)).tobytes())
        item = self._torch.frombuffer(pixels, dtype=self._torch.uint8).view(SIDE, SIDE, 3)
        return item.pin_memory() if self._device == "cuda" else item

    def infer_batch(self, items: Sequence[Any]) -> list[dict[str, Any] | None]:
        torch = self._torch
        with torch.inference_mode():
            pixels = torch.stack(list(items)).to(self._device, non_blocking=True)
            batch = pixels.permute(0, 3, 1, 2).to(self._type).div_(255)
            scores, labels = self._network(batch).softmax(1).max(1)
            found = zip(labels.tolist(), scores.float().tolist(), strict=True)
        return [{"label": label, "score": score} for label, score in found]


def through_the_batcher(step: Network, images: int, slots: int, batch: int) -> float:
    """Images a second."""
    batcher = Batcher([step], size=batch, linger_seconds=0.005, step_seconds=600, lose=lambda _: os._exit(1))
    batcher.start()
    item = batcher.prepare(io.BytesIO(sample_file()), SAMPLE)
    step.infer_batch([item] * min(batch, slots))  # what this size needs is made at its first call

    def work() -> None:
        for _ in range(images // slots):
            batcher.submit(CLAIM, item).wait()

    threads = [threading.Thread(target=work) for _ in range(slots)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    batcher.close()
    return images // slots * slots / seconds


def alone(step: Network, images: int, batch: int) -> float:
    """Images a second of the same calls without the batcher, in one thread."""
    items = [step.prepare(io.BytesIO(sample_file()), SAMPLE)] * batch
    for _ in range(3):
        step.infer_batch(items)
    calls = max(3, images // batch)
    begun = time.monotonic()
    for _ in range(calls):
        step.infer_batch(items)
    return calls * batch / (time.monotonic() - begun)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["resnet50", "tiny"], default="resnet50")
    parser.add_argument("--images", type=int, default=60_000, help="in batches; a tenth of them one by one")
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args(arguments)
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        print(f"Cannot be measured here: PyTorch is not installed ({error}).")  # noqa: T201
        return CANNOT_MEASURE
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "the processor"
    if device == "cpu":
        # Several would wait for each other on processors that the slots use as well.
        torch.set_num_threads(1)
    step = Network(torch, options.model, device)
    step.load()
    few = max(options.slots, options.images // 10)
    rates = {
        "alone, one by one": alone(step, few, 1),
        f"alone, batches of {options.batch}": alone(step, options.images, options.batch),
        f"{options.slots} slots, one by one": through_the_batcher(step, few, options.slots, 1),
        f"{options.slots} slots, batches of {options.batch}": through_the_batcher(
            step, options.images, options.slots, options.batch
        ),
    }
    print(f"{options.model} on {name}, PyTorch {torch.__version__}")  # noqa: T201
    for what, rate in rates.items():
        print(f"  {what:32} {rate:10,.0f} images/s")  # noqa: T201
    _, own, one, many = rates.values()
    print(f"batches against one by one: {many / one:.1f}x (target {GAIN:g}x on a GPU)")  # noqa: T201
    print(f"batches against the device alone: {many / own:.2f} (target {SHARE:g})")  # noqa: T201
    must = device == "cuda" and options.model == "resnet50"
    return int(must and (many < GAIN * one or many < SHARE * own))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
