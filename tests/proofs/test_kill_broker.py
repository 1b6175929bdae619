"""The storm of `./run proof kill --engine celery`, in small: next to other tests, since most of it is waiting."""

from proofs.kill import show_storm
from proofs.report import Report
from proofs.world.broker import TriedBroker
from proofs.world.service import World


def test_nothing_is_lost_or_doubled_where_the_broker_dies_too(world: World, broker: TriedBroker):
    report = Report()
    server = world.server("server", **broker.settings)
    worker = world.worker("worker", **broker.settings)
    planned = {"kill": 2, "restart": 1, "broker_kill": 1, "broker_cut": 1, "broker_flush": 1, "broker_stale": 1}

    show_storm(report, world, [server], [server, worker], planned, images=600, seed=1, old_images=1_000, broker=broker)

    assert [row.cells for row in report.missed if not row.cells[0].startswith(("N2", "N4"))] == []
