"""How the rate follows the number of seats, against the ideal of `seats / 0.25 s` images a second."""

from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Run
from benchmarks.samples import of, spread
from proofs.report import Report

GPU_SECONDS = 0.25  # on average
SEATS = (16, 32, 64, 128, 256, 512, 768)
# So many for each seat, one after the other: fifteen seconds, so that a job's beginning and end weigh little.
IMAGES_PER_SEAT = 60
SHARE = {64: 0.96, 128: 0.95, 256: 0.95, 512: 0.9}


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    service_runs: dict[int, list[Run]] = {seats: [] for seats in SEATS}
    bare_runs: dict[int, list[Run]] = {seats: [] for seats in SEATS}
    for _ in range(rounds):
        for seats in SEATS:
            images = max(seats, int(seats * IMAGES_PER_SEAT * scale))
            with bench.service(seats=seats, gpu=True) as service:
                service.work("tiny", seats)
                service_runs[seats].append(service.work("tiny", images))
            bare_runs[seats].append(bench.loop("content", "tiny", images, seats, gpu=True))
    table = report.table(
        "tiny, share of the ideal rate", "seats", "ideal/s", "service", "bare loop", "CPU ms: service", "bare loop"
    )
    for seats in SEATS:
        ideal = seats / GPU_SECONDS
        shares = [run.rate / ideal for run in service_runs[seats]]
        table.add(
            seats,
            f"{ideal:,.0f}",
            spread(shares, 3),
            spread([run.rate / ideal for run in bare_runs[seats]], 3),
            f"{of(service_runs[seats], lambda run: run.cpu_ms):.3f}",
            f"{of(bare_runs[seats], lambda run: run.cpu_ms):.3f}",
            ok=True,
        )
        if seats in SHARE:
            share = median(shares)
            report.bar(
                f"{seats} seats: share of the ideal", f"{share:.3f}", f">= {SHARE[seats]:g}", ok=share >= SHARE[seats]
            )
    return {
        name: {str(seats): [asdict(run) for run in each] for seats, each in runs.items()}
        for name, runs in (("service", service_runs), ("bare", bare_runs))
    }


def plot(samples: dict[str, Any], file: Path) -> None:
    """The rates over the seats, with the ideal."""
    from matplotlib.figure import Figure  # heavy, and only wanted here

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(SEATS, [seats / GPU_SECONDS for seats in SEATS], "k--", linewidth=1, label="ideal: seats / 0.25 s")
    for name, marker in (("service", "o"), ("bare", "s")):
        rates = [median(run["images"] / run["seconds"] for run in samples[name][str(seats)]) for seats in SEATS]
        label = "the service, end to end" if name == "service" else "bare loop: threads and requests"
        axes.plot(SEATS, rates, marker=marker, label=label)
    axes.set(xlabel="seats (threads)", ylabel="images a second", title="64x64 images with the simulated GPU step")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=110)
