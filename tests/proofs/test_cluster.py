"""The PostgreSQL server that the proofs restart and cut off."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proofs.world.cluster import Cluster, ClusterFailed


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder / "here", data=folder / "elsewhere" / "data", max_connections="17") as cluster:
        yield cluster


def test_it_is_durable_and_takes_settings(cluster: Cluster):
    names = ["fsync", "synchronous_commit", "full_page_writes", "max_connections"]

    settings = dict(cluster.query("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]))

    assert settings == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "17"}


def test_it_can_be_reached_through_the_socket(cluster: Cluster):
    with psycopg.connect(cluster.socket_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("retail_pulse",)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_what_was_committed_is_there_after_a_restart_on_the_same_port(cluster: Cluster, mode):
    port = cluster.port
    cluster.query("DROP TABLE IF EXISTS kept")
    cluster.query("CREATE TABLE kept AS SELECT 7 AS number")

    cluster.restart(mode)

    assert cluster.port == port
    assert cluster.query("SELECT number FROM kept") == [(7,)]


def test_terminating_backends_spares_nobody_but_itself(cluster: Cluster):
    with cluster.connect() as first, cluster.connect() as second:
        # One that was closed a moment ago may still be there.
        assert cluster.terminate_backends() >= 2
        for connection in (first, second):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")


def test_a_server_that_cannot_start_says_why(cluster: Cluster, tmp_path: Path):
    second = Cluster(tmp_path, data=cluster.data)

    with pytest.raises(ClusterFailed, match=r"postmaster\.pid.* already exists"), second:
        pass

    assert cluster.query("SELECT 1") == [(1,)]


def test_nothing_runs_after_a_stop(cluster: Cluster):
    pid = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    assert cluster.is_running()

    cluster.stop()

    assert not cluster.is_running()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    cluster.start()
