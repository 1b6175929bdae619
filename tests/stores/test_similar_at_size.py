"""Does a large store master give the same similar stores as a small one, for work that does not grow with it?"""

import json

import pytest
from django.db import connection, transaction

from stores import similar
from stores.categorising import rules_of_import
from stores.models import Store
from stores.similar import similar_to_name

# Of 30,000 stores so many have a trade word, a frequent own word, or both; a few are like the name that is asked for.
STORES = """
    INSERT INTO stores_store (store_id, name, area_code, words, updated_at)
    SELECT 'S' || n, array_to_string(words, ' '), 'A', words, now() FROM (
        SELECT n, CASE
            WHEN n % 5000 = 0 THEN ARRAY['PAN', 'HOUSE']
            WHEN n % 5000 = 1 THEN ARRAY['PAAN', 'POINT']
            WHEN n = 2 THEN ARRAY['PAN', 'PARADISE']
            WHEN n = 3 THEN ARRAY['THE', 'PAN', 'STOP']
            WHEN n % 15 = 0 THEN ARRAY['OWNER' || n, 'PAN', 'GHAR']
            WHEN n % 15 = 1 THEN ARRAY['DAS', 'OWNER' || n, 'STORE']
            WHEN n % 100 = 2 THEN ARRAY['SAHA', 'PAN', 'CORNER', 'OWNER' || n]
            WHEN n % 100 = 3 THEN ARRAY['DAS', 'BAKERY']
            WHEN n % 500 = 4 THEN ARRAY['SAHA', 'HOUSE']
            ELSE ARRAY['OWNER' || n, 'STORE']
        END AS words FROM generate_series(1, 30000) AS n
    ) AS each
"""
NAMES = (
    *("PAN CORNER", "DAS PAN STORE", "DAS STORE", "SAHA DAS", "SAHA PAN", "BAKERY", "STORE", "THE STORE"),
    *("OWNER8 STORE", "NONE"),
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _large(django_db_setup, django_db_blocker):
    """For all tests of this file, each of which is a savepoint in its transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        rules_of_import()
        with connection.cursor() as cursor:
            cursor.execute(STORES)
            cursor.execute("ANALYZE stores_store")
            # As of a million stores, not all are read where an index finds them.
            cursor.execute("SET LOCAL enable_seqscan = off")
        yield
        transaction.set_rollback(True)


class Work:
    """The statements of a block, and how many stores those that look for similar ones have read and scored."""

    def __init__(self):
        self.statements = self.read = self.scored = 0

    def __call__(self, execute, sql, parameters, many, context):
        self.statements += 1
        if "AS sharing" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}", parameters)
                (((plan,),),) = cursor.fetchall()
            self._count((json.loads(plan) if isinstance(plan, str) else plan)["Plan"])
        return execute(sql, parameters, many, context)

    def _count(self, plan):
        if plan["Node Type"] in ("Seq Scan", "Bitmap Heap Scan"):
            rejected = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
            self.read += plan["Actual Rows"] + rejected
        if plan.get("Parent Relationship") == "SubPlan":
            self.scored += plan["Actual Loops"]
        for each in plan.get("Plans", ()):
            self._count(each)


def work_of(name, most=similar.MOST):
    with connection.execute_wrapper(work := Work()):
        assert len(similar_to_name(name, most)) <= most
    return work


@pytest.mark.usefixtures("_large")
def test_a_large_store_master_gives_the_same_stores_as_if_all_were_scored(monkeypatch):
    staged = {name: [(each.store.name, each.score) for each in similar_to_name(name)] for name in NAMES}
    monkeypatch.setattr(similar, "MOST_SCORED", 100_000)
    for name in NAMES:
        # Stores with the same score may be others.
        scores = [each.score for each in similar_to_name(name)]
        assert [score for _, score in staged[name]] == scores, name
    assert {"PAN PARADISE", "THE PAN STOP"} <= {name for name, _ in staged["PAN CORNER"][:10]}


@pytest.mark.usefixtures("_large")
def test_of_a_large_store_master_few_stores_are_scored():
    trade = work_of("PAN CORNER", 10)
    # Of 2,300 with the trade, those that have no word of their own.
    assert trade.scored < 20
    assert trade.read < 2_500
    assert trade.statements <= 4
    both = Store.objects.filter(name="DAS BAKERY").count()
    # Of 2,200 with DAS.
    pair = work_of("DAS BAKERY")
    assert pair.scored == pair.read == both < 400


@pytest.mark.usefixtures("_large")
def test_however_many_share_a_word_so_many_are_read_and_scored_at_most(monkeypatch):
    monkeypatch.setattr(similar, "MOST_SCORED", 500)
    monkeypatch.setattr(similar, "MOST_READ", 1_000)
    for name in NAMES:
        work = work_of(name)
        # Of three stages, two score all that they read.
        assert work.scored <= 2 * 500 + 1_000, name
        assert work.read <= 2 * 500 + 1_000, name
        assert work.statements <= 6, name
