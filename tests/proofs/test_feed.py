"""A small storm over writers and readers of the results feed."""

import pytest

from proofs.feed import SETTINGS, Storm, show_feed
from proofs.report import Report
from proofs.world.service import World


def test_each_reader_gets_each_outcome_once_in_a_small_storm(world: World, monkeypatch: pytest.MonkeyPatch):
    # For this test alone: the world is shared.
    monkeypatch.setattr(world, "settings", {**world.settings, **SETTINGS})
    report = Report()
    server = world.server("server")
    show_feed(report, world, server, Storm(writers=2, readers=2, images=1_000, kills=2, seed=1))
    assert [row.cells for row in report.missed] == []
