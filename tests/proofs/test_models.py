"""Small drills with models that are away, fail, hang and are slow, in real processes."""

from proofs.models import Drills
from proofs.report import Report
from proofs.world.service import World

# How long something takes, and what is seen in passing, says nothing next to other tests.
ON_A_QUIET_MACHINE = ("Hanging: process gone", "Slow: seconds", "AwayAtFirst: /readyz")


def test_the_drills_cost_no_image_anything_but_those_that_are_to_blame(world: World):
    report = Report()
    drills = Drills(report, world, seed=2)
    drills.away("AwayAtFirst", seconds=2.0, images=30)
    drills.picky(images=100)
    drills.hanging(images=12, MAX_CRASHES="3")
    drills.slow(seconds=0)
    drills.close()
    assert [row.cells for row in report.missed if not row.cells[0].startswith(ON_A_QUIET_MACHINE)] == []
    assert len(report.bars.rows) == 18
