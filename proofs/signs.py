"""Signs are read in photos, cheaply enough to serve beside it; a store's name is found, and no other is taken for it.

Drawn photos of shop fronts, of stores with invented names, go through SignStep. Then two servers of 64 slots work on
such photos in turn, one with the simulated step and one with SignStep, while a client asks for the status of a job.
"""

import argparse
import io
import os
from random import Random

import django
from django.core.exceptions import ImproperlyConfigured

from proofs.report import CannotProve, Report
from proofs.sign_names import Master, invented_names
from proofs.sign_pictures import SIZE, fonts, shop_front

STORES = 4000
# Names of other stores that each photo is compared with.
OTHERS = 100
LEAST_RECALL, MOST_FALSE = 0.95, 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pictures", type=int, default=200, help="shop fronts that are read (default: 200)")
    parser.add_argument("--bare", type=int, default=40, help="fronts without a board (default: 40)")
    parser.add_argument("--seconds", type=float, default=40, help="of each server's work; 0: none (default: 40)")
    parser.add_argument("--rounds", type=int, default=2, help="times that both servers work (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    """Raises CannotProve where rapidocr or a font is missing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
    django.setup()
    fonts()
    report = Report()
    show_reading(report, options.pictures, options.bare, options.seed)
    if options.seconds:
        from proofs import sign_servers

        sign_servers.show(report, options.seconds, options.rounds, options.seed)
    return report


def show_reading(report: Report, pictures: int, bare: int, seed: int) -> None:
    """Read so many photos with a board, and so many without one. Raises CannotProve where rapidocr is missing."""
    from jobs.imaging.steps import SignStep
    from jobs.imaging.types import Measurement
    from stores.signs import TOO_COMMON, Reading, Shown, read

    step = SignStep()
    try:
        step.load()
    except ImproperlyConfigured as error:
        raise CannotProve(str(error)) from None
    master = Master(invented_names(STORES, seed))
    random = Random(f"signs {seed}")  # noqa: S311 - a sample

    def lines_of(name: str | None, number: int) -> list[str]:
        photo = io.BytesIO(shop_front(name, f"{seed} {number}"))
        (answer,) = step.infer_batch([step.prepare(photo, Measurement(*SIZE, "JPEG"))])
        return [line["text"] for line in (answer or {})["lines"]]

    def reading(name: str, lines: list[str]) -> Reading:
        return read(name, lines, stores=STORES, having=master.having, sharing=master.sharing(name))

    own, others, unsigned = [], [], []
    missed = report.table("Names that were not seen", "name", "text")
    for number, name in enumerate(random.sample(master.names, pictures)):
        lines = lines_of(name, number)
        found = reading(name, lines)
        own.append((found.shown, master.sharing(name)))
        if found.shown == Shown.NOT_SEEN:
            missed.add(name, " | ".join(lines)[:90], ok=True)
        others += [reading(one, lines).shown for one in random.sample(master.names, OTHERS) if one != name]
    for number in range(bare):
        lines = lines_of(None, pictures + number)
        unsigned += [reading(one, lines).shown for one in random.sample(master.names, OTHERS)]
    told = [shown for shown, _ in own if shown in (Shown.YES, Shown.NOT_SEEN)]
    right = told.count(Shown.YES)
    recall = right / max(1, len(told))
    found_names = f"{right} of {len(told)}"
    report.bar("names found on their boards", found_names, f">= {LEAST_RECALL:.0%}", ok=recall >= LEAST_RECALL)
    for what, shown in (("other stores' names found", others), ("names found without a board", unsigned)):
        told_of_others = [one for one in shown if one in (Shown.YES, Shown.NOT_SEEN)]
        false = told_of_others.count(Shown.YES)
        share = false / max(1, len(told_of_others))
        report.bar(what, f"{false} of {len(told_of_others):,}", f"<= {MOST_FALSE:.0%}", ok=share <= MOST_FALSE)
    common = [(shown, sharing) for shown, sharing in own if sharing >= TOO_COMMON]
    said = sum(shown == Shown.TOO_COMMON for shown, _ in common)
    bar = f"all {len(common)} of {TOO_COMMON} stores or more"
    report.bar("names too common to tell", said, bar, ok=said == len(common) == len(own) - len(told))
