"""The insights' figures on synthetic data whose truth is known: do they hold what they say?

Every scene draws its own data, seeded; none needs the database.
"""

import argparse
import importlib
import os

import django

from proofs.report import Report

# Modules of proofs/figure_scenes/; each has `prove(report: Report, seed: int, scale: float) -> None`, which adds its
# tables and bars. `scale` 1 is the full size; the tests prove small versions of the same.
SCENES = ("intervals", "anomalies", "problem_stores", "risk", "eta")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=15, help="draws the synthetic data")
    parser.add_argument("--scale", type=float, default=1.0, help="the size of each scene; 1 is the full size")
    parser.add_argument("--scene", choices=SCENES, action="append", help="only this one; may be given several times")


def prove(options: argparse.Namespace) -> Report:
    # Some scenes use what knows the models, and none of them the database.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
    django.setup()
    report = Report()
    for name in options.scene or SCENES:
        importlib.import_module(f"proofs.figure_scenes.{name}").prove(report, options.seed, options.scale)
    return report
