"""Which ready images begin where hosts have limits, and where the others wait."""

import json

import pytest
from django.db import DatabaseError, connection, transaction

from jobs import queue
from jobs.models import ImageResult
from jobs.queue import Lanes, choice, lanes, ready_rows
from jobs.queue import worker as queue_worker
from jobs.queue.ready_rows import host_of_url
from jobs.reporting import backlog
from tests.factories import defer, make_worker, pause_host, submit_job
from tests.jobs.queue.lane_world import HOST, OTHER, limits, paused, urls, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker():
    return make_worker()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://photos.example/a.jpg", "photos.example:443"),
        ("http://photos.example/a.jpg", "photos.example:80"),
        ("http://photos.example:8080?a", "photos.example:8080"),
        ("http://photos.example", "photos.example:80"),
        ("HTTPS://PHOTOS.example./a", "photos.example:443"),
        ("https://bücher.example/a", "xn--bcher-kva.example:443"),
        ("http://[::1]:81/a", "[::1]:81"),
        ("http://127.0.0.1/", "127.0.0.1:80"),
        ("ftp://photos.example/a", ""),
        ("nonsense", ""),
        ("", ""),
        ("http://", ""),
        ("http://user:secret@photos.example/a", "photos.example:80"),
        ("http://photos.example:99999/a", ""),
        ("http://" + "a" * 2000, ""),
        ("https://photos.example?" + "a" * 400, "photos.example:443"),
        ("https://photos.example#" + "a" * 400, "photos.example:443"),
        ("https://a" + "\u00ad" * 400 + ".example/x", "a.example:443"),
        ("http://[::1", ""),
        ("http://a b/", ""),
    ],
)
def test_a_host_is_a_name_and_a_port(url, host):
    assert host_of_url(url) == host
    assert len(host) <= ImageResult._meta.get_field("waits_for").max_length


def test_images_of_a_paused_host_wait_in_its_lane_and_those_behind_them_begin(worker):
    first = submit_job(urls(20))
    second = submit_job(urls(5, "other.example"))
    claims = queue.claim(worker, 8, lanes=Lanes(paused(HOST, good=[OTHER])))
    assert {claim.job_id for claim in claims} == {second.pk}
    assert len(claims) == 5
    assert waiting(job=first) == [HOST] * 20
    assert waiting(job=second) == [""] * 5


def test_a_deferred_image_loses_neither_claim_nor_attempt(worker):
    submit_job(urls(3))
    queue.claim(worker, 8, lanes=Lanes(paused(HOST)))
    assert set(ImageResult.objects.values_list("state", "claim_no", "attempts", "claimed_by")) == {
        ("pending", 0, 0, None)
    }


def test_a_lane_keeps_the_order_of_ranks(worker):
    submit_job(urls(12))
    mine = Lanes(limits())
    order = []
    while claims := queue.claim(worker, 8, lanes=mine):
        assert len(claims) <= 2 + len(order)
        order += [claim.image_id for claim in claims]
        for claim in claims:
            mine.limits.fetched(claim.host, claim.image_id)
            mine.limits.finished(claim.host, claim.image_id, None, fetch_seconds=0, model_seconds=0)
    assert order == sorted(order)
    assert len(order) == 12


def test_who_comes_later_with_a_lower_rank_goes_before_those_in_the_lane(worker):
    large = submit_job(urls(200))
    mine = Lanes(paused(HOST))
    for _ in range(10):
        queue.claim(worker, 8, lanes=mine)
    small = submit_job(urls(3))
    queue.claim(worker, 8, lanes=mine)
    assert set(waiting(job=small)) == {HOST}
    mine.limits.learn_pauses({})
    mine.limits = limits(HOST)
    claims = queue.claim(worker, 12, lanes=mine)
    assert [claim.job_id for claim in claims].count(small.pk) == 3
    assert [claim.job_id for claim in claims].count(large.pk) == 9


def test_images_that_the_next_answer_may_let_begin_stay_where_they_are(worker):
    submit_job(urls(20))
    mine = Lanes(limits())
    assert len(queue.claim(worker, 8, lanes=mine)) == 2
    assert set(waiting()) == {""}
    assert mine.hold_any


def test_a_host_that_was_idle_is_not_silent(worker, monkeypatch):
    mine = Lanes(limits(HOST))
    entry = mine.limits._hosts[HOST]
    entry.window, entry.answered_at = 4.0, entry.answered_at - 3600
    submit_job(urls(20))
    assert len(queue.claim(worker, 8, lanes=mine)) == 4
    assert set(waiting()) == {""}


def test_images_of_a_host_that_does_not_answer_get_out_of_the_way(worker, monkeypatch):
    monkeypatch.setattr("jobs.imaging.host_limits.STUCK_SECONDS", -1.0)
    submit_job(urls(20))
    assert len(queue.claim(worker, 8, lanes=Lanes(limits()))) == 2
    assert waiting(state="pending") == [HOST] * 18


def test_strangers_of_a_job_wait_together_and_each_job_separately(worker, monkeypatch):
    monkeypatch.setattr("jobs.imaging.host_limits.STUCK_SECONDS", -1.0)
    job = submit_job([f"https://s{number}.example/a.jpg" for number in range(20)])
    other = submit_job([f"https://t{number}.example/a.jpg" for number in range(20)])
    claims = queue.claim(worker, 24, lanes=Lanes(limits()))
    begun = [claim.job_id for claim in claims]
    assert begun.count(job.pk) >= 3
    assert begun.count(other.pk) >= 3
    assert len(begun) <= 12
    assert set(waiting(job=job, state="pending")) == {f"*{job.pk}"}
    assert set(waiting(job=other, state="pending")) == {f"*{other.pk}"}


def test_a_stranger_whose_host_is_busy_moves_into_the_lane_of_its_host(worker):
    job = submit_job(urls(4))
    defer(job, f"*{job.pk}")
    mine = Lanes(limits())
    mine.look_around()
    claims = queue.claim(worker, 24, lanes=mine)
    assert len(claims) == 2
    assert waiting(job=job, state="pending") == [HOST] * 2


def test_a_claim_walks_past_a_bounded_number_of_images_that_cannot_begin(worker):
    submit_job(urls(500))
    queue.claim(worker, 8, lanes=Lanes(paused(HOST)))
    assert ImageResult.objects.exclude(waits_for="").count() == 2 * 8 + choice.MORE_WALKED


def test_lanes_and_the_common_line_share_the_free_slots(worker):
    old = submit_job(urls(50))
    defer(old, HOST)
    new = submit_job(urls(50, "other.example"))
    mine = Lanes(limits(HOST, OTHER))
    mine.look_around()
    begun = [claim.job_id for claim in queue.claim(worker, 8, lanes=mine)]
    assert (begun.count(old.pk), begun.count(new.pk)) == (4, 4)


def test_what_the_common_line_leaves_goes_to_the_lanes(worker):
    old = submit_job(urls(50))
    defer(old, HOST)
    mine = Lanes(limits(HOST))
    mine.look_around()
    assert len(queue.claim(worker, 8, lanes=mine)) == 8


@pytest.mark.parametrize("in_lanes", ["", "slow", "slow photos", "photos"])
def test_what_is_left_over_does_not_go_to_a_host_that_would_hold_it_for_long(worker, in_lanes):
    slow, *good = "slow.example:443", HOST, OTHER
    # The clock stands still: silence would count against the good hosts.
    known = limits(*good, clock=lambda: 1000.0)
    for image in range(-60, -50):
        known.begin(slow, image, 0, leftover=True)
        known.fetched(slow, image)
        known.finished(slow, image, None, fetch_seconds=0.27, model_seconds=0.1)
    # Of 24 places the good ones have 11 each by their shares, and the slow one has one: so one is left over.
    for host, number in ((slow, 1), (HOST, 11), (OTHER, 11)):
        for image in range(number):
            known.begin(host, -1000 - image, 0, leftover=True)
    for host in (slow, HOST):
        job = submit_job(urls(2, host))
        if host.partition(".")[0] in in_lanes.split():
            defer(job, host)
    mine = Lanes(known)
    mine.look_around()
    assert [claim.host for claim in queue.claim(worker, 1, lanes=mine)] == [HOST]


def test_a_claim_that_fails_keeps_no_place_at_a_host(worker, monkeypatch):
    submit_job(urls(5))
    mine = Lanes(limits())

    def take(**_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(queue_worker, "_take", take)
    with pytest.raises(DatabaseError):
        queue.claim(worker, 8, lanes=mine)
    assert not mine.limits._hosts[HOST].flights


def test_suspect_images_are_tried_in_small_batches_from_lanes_too(worker, settings):
    settings.WORKER_THREADS = 16
    job = submit_job(urls(6))
    defer(job, HOST)
    ImageResult.objects.update(crashes=5)
    mine = Lanes(limits(HOST))
    mine.look_around()
    (claim,) = queue.claim(worker, 8, lanes=mine)
    assert queue.claim(worker, 8, in_flight=[claim], lanes=mine) == []
    assert len(mine.limits._hosts[HOST].flights) == 1


def test_a_suspect_image_at_the_head_of_the_line_is_not_starved_by_lanes(worker, settings):
    settings.WORKER_THREADS = 16
    defer(submit_job(urls(60)), HOST)
    suspect = submit_job(urls(1, "other.example"))
    ImageResult.objects.filter(job=suspect).update(crashes=5, rank=0)
    mine = Lanes(limits(HOST, OTHER))
    mine.look_around()
    hand: list = []
    for _ in range(10):
        claims = queue.claim(worker, 8, in_flight=hand, lanes=mine)
        if suspect.pk in {claim.job_id for claim in claims}:
            assert (hand, len(claims)) == ([], 1)
            return
        hand += claims
        for claim in hand[:4]:
            mine.limits.released(claim.host, claim.image_id)
        del hand[:4]
    raise AssertionError("the suspect image never began")


def test_images_of_a_host_that_has_answered_since_are_found_among_strangers(worker):
    """The first hundred of the job's lane are of silent hosts, whose part of the slots is taken."""
    job = submit_job([f"https://s{number}.example/a.jpg" for number in range(100)] + urls(20))
    defer(job, f"*{job.pk}")
    mine = Lanes(limits(HOST))
    for number in range(1000, 1100):
        mine.limits.begin(f"silent{number}.example:80", number, job.pk)
        mine.limits.begin(f"silent{number}.example:80", -number, number)
    mine.look_around()
    begun = []
    for _ in range(20):
        begun += [claim.host for claim in queue.claim(worker, 24, lanes=mine)]
    assert begun.count(HOST) == 20


def test_an_urgent_image_of_a_host_with_a_lane_gets_its_turn(worker):
    large = submit_job(urls(300))
    defer(large, HOST)
    mine = Lanes(limits(HOST))
    mine.look_around()
    urgent = submit_job(urls(4), priority=9)
    begun: list = []
    for _ in range(6):
        claims = queue.claim(worker, 24, lanes=mine)
        begun += [claim.job_id for claim in claims]
        for claim in claims:
            mine.limits.fetched(claim.host, claim.image_id)
            mine.limits.finished(claim.host, claim.image_id, None, fetch_seconds=0.01, model_seconds=0.1)
    assert begun.count(urgent.pk) == 4


def test_held_images_are_in_no_lane(worker):
    job = submit_job(urls(6))
    defer(job, HOST)
    ImageResult.objects.update(held=True)
    mine = Lanes(limits(HOST))
    mine.look_around()
    assert not mine.hold_any
    mine.add([HOST])
    assert queue.claim(worker, 8, lanes=mine) == []


@pytest.mark.parametrize("count", [3, 1_000])
def test_a_claim_takes_a_bounded_number_of_statements(worker, count, django_assert_max_num_queries):
    """However many hosts there are, each with images of its own, and however many of them are paused."""
    job = submit_job([f"https://s{number}.example/a.jpg" for number in range(count)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_imageresult SET waits_for = host || ':443' WHERE id % 2 = 0")
    mine = Lanes(limits())
    for number in range(0, count, 3):
        pause_host(f"s{number}.example:443", seconds=-1)
    mine.limits.learn_pauses(*queue.shared_pauses())
    mine.look_around()
    with django_assert_max_num_queries(16):
        queue.claim(worker, 24, lanes=mine)
    assert job.total == count


def test_lanes_are_found_some_at_a_time_all_in_turn(monkeypatch):
    submit_job([f"https://s{number:03}.example/a.jpg" for number in range(25)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_imageresult SET waits_for = host || ':443'")
    monkeypatch.setattr(lanes, "LANES_AT_A_TIME", 10)
    mine = Lanes(limits())
    found = []
    for _ in range(4):
        mine.look_around()
        found.append(len(mine._names))
    assert found == [10, 20, 25, 25]


def test_lanes_kept_in_mind_are_bounded(monkeypatch):
    monkeypatch.setattr(lanes, "MOST_KNOWN", 10)
    mine = Lanes(limits())
    mine.add(f"s{number}.example:80" for number in range(1000))
    assert len(mine._names) == 10


MOMENTS = ["never", "nothing was there", "images were ready", "a lane held some", "the lane had filled"]
# With fewer, the planner makes no difference between the indexes.
LANE_SIZE = 10_000


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_claim_reads_ready_images_in_the_order_of_an_index_whenever_they_were_counted(worker, moment):
    """One transaction from the counting to the plans: autovacuum, which would count in between, sees nothing of it."""

    def count(now):
        if now == moment:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE jobs_imageresult")

    count("nothing was there")
    first = submit_job(urls(20))
    count("images were ready")
    defer(first, HOST)
    defer(submit_job(urls(20, "third.example")), "third.example:443")
    count("a lane held some")
    defer(submit_job(urls(LANE_SIZE)), HOST)
    submit_job(urls(100, "other.example"))
    count("the lane had filled")
    look = json.dumps([{"lane": HOST, "rank": "-inf", "id": 0, "limit": 8}])
    queue_worker._hold(worker)
    for move, given, most in (
        (ready_rows.first_in_lanes, {"row": look, "without": []}, 8),
        (ready_rows.newest_in_lane, {"lane": HOST}, 1),
        (ready_rows.any_in_lane, {"lane": HOST, "part": 0.5}, 4),
        (ready_rows.is_in_lane, {"lane": HOST}, 1),
        (ready_rows.names_of_lanes, {"after": "", "limit": 256}, 2),
        (ready_rows.next_in_line, {"rank": float("-inf"), "id": 0, "limit": 8}, 8),
    ):
        assert rows_read(move, given) <= most, move.statement.sql


def rows_read(move, given):
    """How many images a statement of the queue looks at, those that it finds and those that it passes over."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {move.statement.sql}", move.statement.bound(given))
        nodes = [cursor.fetchone()[0][0]["Plan"]]
    total = 0
    for node in nodes:
        nodes += node.get("Plans", [])
        if "Index Name" in node or node.get("Relation Name"):
            seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            total += seen * node["Actual Loops"]
    return total


def test_who_counts_them_or_looks_for_lanes_reads_them_so_too():
    with connection.cursor() as cursor:
        for read in (lambda: queue.count_claimable(8), Lanes(limits()).look_around):
            with transaction.atomic():
                read()
                for name in ("enable_sort", "enable_incremental_sort", "enable_bitmapscan", "jit"):
                    cursor.execute(f"SHOW {name}")
                    assert cursor.fetchone() == ("off",)
                transaction.set_rollback(True)


def test_a_claim_cannot_be_made_to_sort_all_that_is_ready_by_an_index_for_something_else():
    """Where the planner believes that little is ready, it takes the smaller of two indexes, whatever has come since."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX image_ready")
        given = {"rank": float("-inf"), "id": 0, "limit": 8}
        cursor.execute(
            f"EXPLAIN {ready_rows.next_in_line.statement.sql}", ready_rows.next_in_line.statement.bound(given)
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "image_oldest_ready" not in plan


def test_the_oldest_ready_image_is_found_in_an_index():
    submit_job(urls(2_000))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {backlog._BACKLOG}", {"most": 8})
        assert "using image_oldest_ready " in "\n".join(row[0] for row in cursor.fetchall())
