"""A primary that dies while images are in flight, and a standby that takes over."""

import threading
from random import Random

import pytest

from proofs.world.cluster import DATABASE
from proofs.world.jobs import Client, order
from proofs.world.ledger import compare
from proofs.world.service import World
from proofs.world.standby import Standby
from retail_pulse.postgres.launch import SUPERUSER
from tests.waiting import wait_for

IMAGES = 80
SETTINGS = {
    "GPU_MIN_SECONDS": "0.2",
    "GPU_MAX_SECONDS": "0.2",
    "HOST_PATIENCE_SECONDS": "1",
    "WEB_THREADS": "4",
    "WORKER_THREADS": "8",
}


@pytest.fixture
def world(tmp_path, worlds_are_copies):
    with World(tmp_path, **SETTINGS) as world:
        yield world


def test_the_standby_goes_on_with_every_job_and_result_that_was_confirmed(world, tmp_path):
    with Standby(world.cluster, tmp_path / "standby") as standby:
        hosts = ",".join(f"127.0.0.1:{cluster.port}" for cluster in (world.cluster, standby))
        url = f"postgresql://{SUPERUSER}@{hosts}/{DATABASE}?target_session_attrs=read-write"
        server, worker = world.server("server", DATABASE_URL=url), world.worker("worker", DATABASE_URL=url)
        server.start()
        worker.start()
        wait_for(server.is_ready, pause=0.1)
        client = Client([server])
        orders = [
            order(Random(number), world.images, f"job{number}", IMAGES, kinds={"gone": 15}) for number in range(2)
        ]
        client.submit(orders[0], threading.Event())
        wait_for(lambda: world.cluster.query("SELECT count(*) FROM jobs_imageresult WHERE finished_at > 'epoch'")[0][0])

        world.cluster.stop("immediate")
        standby.promote()

        # Again under the same key until it is accepted, as clients do.
        client.submit(orders[1], threading.Event())
        ongoing = "SELECT count(*) FROM jobs_job WHERE status = 'ongoing'"
        wait_for(lambda: standby.query(ongoing) == [(0,)], timeout=40)
        found = compare(standby, orders, world.images.ledger())
        assert (found.lost, found.double, found.wrong) == ([], [], [])
        # Both are the processes that began: neither needed a restart.
        assert not server.has_ended()
        assert not worker.has_ended()
        world.manage("audit", DATABASE_URL=url)
