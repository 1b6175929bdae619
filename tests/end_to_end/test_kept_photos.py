"""Photos that processes keep and delete which are killed: no row lacks its file, and in the end no file is left."""

import os
import signal
import time

import pytest
import requests

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.test_whole_path import payload

# Before, while and after a photo is recorded; each at one URL, and only at its image's first claim.
POINTS = "measure.before", "gpu.before", "record.before_commit", "record.after_commit"
PHOTOS = 3
DAY = 86_400
ENDED = "SELECT bool_and(status <> 'ongoing') FROM jobs_job"
KEEPING = {"KEEP_IMAGES": "original", "PHOTO_EVIDENCE": "hash", "MAX_CRASHES": "9"}


@pytest.fixture
def deployment(migrated_database, tmp_path):
    deployment = Deployment(tmp_path, migrated_database())
    yield deployment
    deployment.end()


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def recorded(deployment, folder):
    """Every file that a row says is there."""
    names = deployment.query("SELECT DISTINCT encode(sha256, 'hex') FROM jobs_keptphoto WHERE thumbnail * original > 0")
    return {
        folder / path
        for (name,) in names
        for path in (f"thumbnails/{name[:2]}/{name}.webp", f"originals/{name[:2]}/{name}")
    }


def age(deployment, folder):
    """As if all had happened two days ago."""
    for path in files(folder):
        os.utime(path, (time.time() - 2 * DAY, time.time() - 2 * DAY))
    for table, column in (("jobs_job", "finished_at"), ("jobs_unwantedphoto", "since")):
        deployment.query(f"UPDATE {table} SET {column} = {column} - interval '2 days' RETURNING 1")


def prune(deployment, **settings):
    """The exit code."""
    process = deployment.start("prune", "--older-than", "1d", **settings)
    process.communicate(timeout=60)
    return process.returncode


def submit(service, urls):
    answer = requests.Session().post(f"{service.url}/api/submit/", json=payload(*urls), timeout=20)
    assert answer.status_code == 201
    return answer.json()["job_id"]


def test_killed_at_any_moment_no_row_lacks_its_file_and_no_file_is_left(deployment, images):
    folder = deployment.home / "photos"
    points = ",".join(f"{point}@claim_no=1.*at_{point}:kill" for point in POINTS)
    names = images.names[:PHOTOS]
    urls = [f"{images.url}/{names[place % PHOTOS]}?at_{point}" for place, point in enumerate(POINTS)]
    # The same few photos, many times: two processes keep each at once.
    urls += [f"{images.url}/{name}?{n}" for n in range(8) for name in names]
    with deployment.service(FAILPOINTS=points, **KEEPING) as crashing:
        submit(crashing, urls)
        deployment.wait_for(ENDED, 60)
        with deployment.service(**KEEPING) as other:
            for _ in range(2):
                submit(other, urls[len(POINTS) :])
            deployment.wait_for(ENDED, 60)
    assert deployment.scalar("SELECT sum(crashes) FROM jobs_imageresult") >= len(POINTS) - 1
    of_rows = recorded(deployment, folder)
    assert len(of_rows) == 2 * PHOTOS
    assert of_rows <= files(folder)
    assert deployment.scalar("SELECT count(*) FROM jobs_keptphoto") == 3 * len(urls) - 2 * len(POINTS)

    # What a crash leaves behind: a file that was never finished, and one whose image was never recorded.
    (folder / "originals" / "aa").mkdir(exist_ok=True)
    (folder / "originals" / "aa" / ("a" * 64)).write_bytes(b"lost")
    (folder / "originals" / "aa" / ("a" * 64 + "-b.part")).write_bytes(b"unfinished")
    age(deployment, folder)
    # First it marks the photos of deleted jobs; they are due once they have been unwanted for hours.
    assert prune(deployment) == 0
    assert recorded(deployment, folder) == set()
    assert len(files(folder)) == 2 * PHOTOS
    age(deployment, folder)
    assert prune(deployment, FAILPOINTS="prune.photo:kill") == -signal.SIGKILL
    assert len(files(folder)) == 2 * (PHOTOS - 1)
    assert prune(deployment) == 0
    assert files(folder) == set()
    assert deployment.scalar("SELECT count(*) FROM jobs_unwantedphoto") == 0
