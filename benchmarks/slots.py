"""How the rate follows the number of worker slots, compared with the ideal of `slots / 0.25 s` images a second."""

from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Run
from benchmarks.samples import of, spread
from proofs.report import Report

GPU_SECONDS = 0.25  # on average
SLOTS = (16, 32, 64, 128, 256, 512, 768)
# Images for each slot, one after the other: fifteen seconds, so that a job's beginning and end matter little.
IMAGES_PER_SLOT = 60
SHARE = {64: 0.96, 128: 0.95, 256: 0.95, 512: 0.9}


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    service_runs: dict[int, list[Run]] = {slots: [] for slots in SLOTS}
    bare_runs: dict[int, list[Run]] = {slots: [] for slots in SLOTS}
    for _ in range(rounds):
        for slots in SLOTS:
            images = max(slots, int(slots * IMAGES_PER_SLOT * scale))
            with bench.service(slots=slots, gpu=True) as service:
                service.work("tiny", slots)
                service_runs[slots].append(service.work("tiny", images))
            bare_runs[slots].append(bench.loop("content", "tiny", images, slots, gpu=True))
    table = report.table(
        "tiny, share of the ideal rate", "slots", "ideal/s", "service", "bare loop", "CPU ms: service", "bare loop"
    )
    for slots in SLOTS:
        ideal = slots / GPU_SECONDS
        shares = [run.rate / ideal for run in service_runs[slots]]
        table.add(
            slots,
            f"{ideal:,.0f}",
            spread(shares, 3),
            spread([run.rate / ideal for run in bare_runs[slots]], 3),
            f"{of(service_runs[slots], lambda run: run.cpu_ms):.3f}",
            f"{of(bare_runs[slots], lambda run: run.cpu_ms):.3f}",
            ok=True,
        )
        if slots in SHARE:
            share = median(shares)
            report.bar(
                f"{slots} slots: share of the ideal", f"{share:.3f}", f">= {SHARE[slots]:g}", ok=share >= SHARE[slots]
            )
    return {
        name: {str(slots): [asdict(run) for run in each] for slots, each in runs.items()}
        for name, runs in (("service", service_runs), ("bare", bare_runs))
    }


def plot(samples: dict[str, Any], file: Path) -> None:
    """Plot the rates over the number of slots, with the ideal."""
    from matplotlib.figure import Figure  # slow to import, and only needed here

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(SLOTS, [slots / GPU_SECONDS for slots in SLOTS], "k--", linewidth=1, label="ideal: slots / 0.25 s")
    for name, marker in (("service", "o"), ("bare", "s")):
        rates = [median(run["images"] / run["seconds"] for run in samples[name][str(slots)]) for slots in SLOTS]
        label = "the service, end to end" if name == "service" else "bare loop: threads and requests"
        axes.plot(SLOTS, rates, marker=marker, label=label)
    axes.set(xlabel="slots (threads)", ylabel="images a second", title="64x64 images with the simulated GPU step")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=110)
