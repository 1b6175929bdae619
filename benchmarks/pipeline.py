"""One job from its submission to its end, compared with loops without database, guard and retry."""

from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Run
from benchmarks.samples import of, spread
from proofs.report import Report

SLOTS = {True: 256, False: 64}
IMAGES = {
    True: {"tiny": 6000, "shelf": 5000, "photo": 2000},
    False: {"tiny": 4000, "shelf": 3000, "photo": 1000},
}
# Decoding is limited by the processor: few threads are as fast as many, with less memory.
DECODE_THREADS = 8
DECODED = {"tiny": 2000, "shelf": 200, "photo": 40}
CALIBRATION = 500

# The service's processor time for one image: as a ratio to the bare loop's, and in milliseconds.
CPU_RATIO = {"tiny": 0.5, "shelf": 0.8, "photo": 1.0}
CPU_MS = {"tiny": 0.8, "shelf": 2.0, "photo": 3.0}


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    samples: dict[str, Any] = {}
    for gpu in (True, False):
        for picture in IMAGES[gpu]:
            images = max(64, int(IMAGES[gpu][picture] * scale))
            bare = _faster_loop(bench, picture, min(images, CALIBRATION), SLOTS[gpu], gpu)
            runs: dict[str, list[Run]] = {"service": [], bare: [], "libcurl": [], "decode": []}
            for _ in range(rounds):
                with bench.service(slots=SLOTS[gpu], gpu=gpu) as service:
                    service.work(picture, SLOTS[gpu])  # a warm-up
                    runs["service"].append(service.work(picture, images))
                for loop in (bare, "libcurl"):
                    runs[loop].append(bench.loop(loop, picture, images, SLOTS[gpu], gpu=gpu))
                decoded = max(8, int(DECODED[picture] * scale))
                runs["decode"].append(bench.loop("decode", picture, decoded, DECODE_THREADS, gpu=False))
            title = f"{picture}, {images:,} images, {SLOTS[gpu]} slots, {'with' if gpu else 'without'} the GPU step"
            _show(report, title, runs)
            if gpu:
                _judge(report, picture, runs["service"], runs[bare], runs["decode"])
            samples[title] = {name: [asdict(run) for run in each] for name, each in runs.items()}
    return samples


def _faster_loop(bench: Bench, picture: str, images: int, threads: int, gpu: bool) -> str:
    """The bare loop that takes less processor time for this picture."""
    found = {loop: bench.loop(loop, picture, images, threads, gpu=gpu).cpu for loop in ("content", "stream")}
    return min(found, key=lambda loop: found[loop])


def _show(report: Report, title: str, runs: dict[str, list[Run]]) -> None:
    table = report.table(title, "what", "images/s", "CPU ms an image", "Postgres ms", "peak MB")
    for name, each in runs.items():
        table.add(
            name,
            spread([run.rate for run in each], 0),
            spread([run.cpu_ms for run in each], 3),
            f"{of(each, lambda run: run.postgres_ms):.3f}" if name == "service" else "",
            f"{of(each, lambda run: run.peak_mb):.0f}",
            ok=True,
        )


def _judge(report: Report, picture: str, service: list[Run], bare: list[Run], decode: list[Run]) -> None:
    ratio = median(one.cpu_ms / other.cpu_ms for one, other in zip(service, bare, strict=True))
    report.bar(
        f"{picture}: CPU against the bare loop",
        f"{ratio:.2f}x",
        f"<= {CPU_RATIO[picture]:g}x",
        ok=ratio <= CPU_RATIO[picture],
    )
    cpu = of(service, lambda run: run.cpu_ms)
    report.bar(f"{picture}: CPU an image", f"{cpu:.2f} ms", f"<= {CPU_MS[picture]:g} ms", ok=cpu <= CPU_MS[picture])
    postgres = of(service, lambda run: run.postgres_ms)
    report.bar(f"{picture}: CPU of PostgreSQL an image", f"{postgres:.3f} ms", "<= 0.2 ms", ok=postgres <= 0.2)
    if picture == "tiny":
        faster = median(one.rate / other.rate for one, other in zip(service, bare, strict=True))
        report.bar("tiny: throughput against the bare loop", f"{faster:.2f}x", ">= 1.3x", ok=faster >= 1.3)
    if picture == "photo":
        less = median(other.cpu_ms / one.cpu_ms for one, other in zip(service, decode, strict=True))
        report.bar("photo: less CPU than full decoding", f"{less:.0f}x", ">= 25x", ok=less >= 25)
        peak = max(run.peak_mb for run in service)
        report.bar("photo: memory with 256 slots", f"{peak:.0f} MB", "< 250 MB", ok=peak < 250)
