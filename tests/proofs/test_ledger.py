"""What the ledger of the image server, the client's orders and the rows must agree in."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import requests

from proofs.world.images import PICTURES, ImageServer, picture
from proofs.world.jobs import Order, order
from proofs.world.ledger import Image, Job, check
from proofs.world.logs import read_log

OK, GONE, UNKNOWN = "ok/a", "gone/b", "ok/c"
SHOWN = picture(OK)
ORDER = Order("key", b"", [OK, GONE, UNKNOWN], {UNKNOWN}, job_id=1)
COMPLETED = Image(
    OK, 1, "completed", SHOWN.format, SHOWN.width, SHOWN.height, SHOWN.perimeter, "",
    claim_no=1, attempts=1, crashes=0, evidence=0,
)  # fmt: skip
FAILED = Image(
    GONE, 1, "failed", "", None, None, None, "http_404",
    claim_no=1, attempts=1, crashes=0, evidence=1,
)  # fmt: skip
NEVER_FETCHED = replace(FAILED, path=UNKNOWN, code="unknown_store", claim_no=0, attempts=0, evidence=0)
IMAGES = [COMPLETED, FAILED, NEVER_FETCHED]
JOB = Job(1, "failed", 3, completed=1, failed=2, images=3, completed_images=1, failed_images=2)
LEDGER = Counter({OK: 1, GONE: 1})


def compare(images=IMAGES, job=JOB, ledger=LEDGER, **options):
    return check([ORDER], images, [job], ledger, **options)


def test_what_is_as_it_should_be_is_not_complained_about():
    found = compare()

    assert (found.lost, found.double, found.wrong, found.extra) == ([], [], [], 0)


def test_an_image_that_was_rescued_and_downloaded_twice_has_one_download_too_many():
    rescued = replace(COMPLETED, claim_no=2, crashes=1)

    found = compare([rescued, FAILED, NEVER_FETCHED], ledger=LEDGER + Counter({OK: 1}))

    assert (found.lost, found.double, found.wrong, found.extra) == ([], [], [], 1)


def test_a_claim_without_an_attempt_is_only_right_where_it_may_have_been_handed_back():
    images = [replace(COMPLETED, claim_no=2), FAILED, NEVER_FETCHED]

    assert compare(images).double
    assert not compare(images, handed_back=True).double
    assert compare([replace(COMPLETED, attempts=2), FAILED, NEVER_FETCHED], handed_back=True).double


@pytest.mark.parametrize(
    ("images", "job"),
    [
        ([FAILED, NEVER_FETCHED], JOB),
        ([replace(COMPLETED, state="running"), FAILED, NEVER_FETCHED], JOB),
        ([replace(COMPLETED, state="pending"), FAILED, NEVER_FETCHED], JOB),
        (IMAGES, replace(JOB, status="ongoing")),
        (IMAGES, replace(JOB, images=2)),
    ],
)
def test_an_image_or_a_job_that_is_not_final_is_lost(images, job):
    assert compare(images, job).lost


def test_a_job_that_the_client_never_got_an_id_of_is_lost():
    assert check([replace_id(ORDER, 0)], IMAGES, [JOB], LEDGER).lost


def replace_id(original: Order, job_id: int) -> Order:
    return Order(original.key, original.body, original.paths, original.unknown, job_id)


@pytest.mark.parametrize(
    ("images", "job"),
    [
        ([*IMAGES, COMPLETED], JOB),
        ([replace(COMPLETED, attempts=2, claim_no=2), FAILED, NEVER_FETCHED], JOB),
        ([replace(COMPLETED, claim_no=2), FAILED, NEVER_FETCHED], JOB),
        ([COMPLETED, replace(FAILED, evidence=2), NEVER_FETCHED], JOB),
        (IMAGES, replace(JOB, completed=2)),
        (IMAGES, replace(JOB, failed=3)),
    ],
)
def test_whatever_was_counted_twice_is_found(images, job):
    assert compare(images, job).double


def test_a_job_that_nobody_ordered_is_found():
    assert check([], [], [JOB], Counter()).double


@pytest.mark.parametrize(
    "image",
    [
        replace(COMPLETED, perimeter=SHOWN.perimeter + 2),
        replace(COMPLETED, width=SHOWN.height, height=SHOWN.width),
        replace(COMPLETED, format="TIFF"),
        replace(FAILED, path=OK),
        replace(FAILED, code="http_410"),
        replace(COMPLETED, path=GONE),
        replace(COMPLETED, path=UNKNOWN),
        replace(FAILED, attempts=2, claim_no=2, evidence=2),
    ],
)
def test_a_result_that_does_not_belong_to_its_url_is_wrong(image):
    rest = [other for other in IMAGES if other.path != image.path]

    assert compare([image, *rest]).wrong


def test_an_image_of_an_unknown_store_must_not_be_downloaded():
    assert compare(ledger=LEDGER + Counter({UNKNOWN: 1})).wrong


def test_every_request_is_one_line_of_the_ledger_and_gets_the_image_of_its_path(tmp_path: Path):
    with ImageServer(tmp_path) as server, requests.Session() as session:
        paths = ["ok/1", "ok/2", "ok/1", "gone/1", "broken/1", "flaky/1", "flaky/1"]
        answers = [session.get(server.url(path)) for path in paths]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 500, 503, 200]
        assert server.ledger() == Counter(paths)
        assert answers[0].content == answers[2].content


def test_no_two_pictures_have_the_same_perimeter():
    assert len({shown.perimeter for shown in PICTURES}) == len(PICTURES)


def test_an_order_holds_as_many_images_as_asked_and_some_of_each_kind(tmp_path: Path):
    placed = order(Random(1), ImageServer(tmp_path), "job", 100)

    kinds = Counter(path.partition("/")[0] for path in placed.paths if path not in placed.unknown)
    assert len(set(placed.paths)) == 100
    assert {"ok", "gone", "broken", "flaky"} == set(kinds)
    assert len(placed.unknown) == 1
    assert order(Random(1), ImageServer(tmp_path), "job", 100) == placed


def test_a_log_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text('{"event": "worker started"}\n{"event": "stale outc{"event": "x"}\n{"event": "job finished"}\n')

    assert [line["event"] for line in read_log(log)] == ["worker started", "job finished"]
