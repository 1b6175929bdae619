"""What is summed once for all who may see it, and for how long?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from insights import kept
from insights.scope import Scope

pytestmark = pytest.mark.django_db
MARK = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def ask():
    """Ask for a scope's sums; they are the number of times that something was summed."""
    summed = []

    def ask(scope, mark=MARK, what="sums", numbers=10):
        return kept.kept(what, scope, mark, lambda: summed.append(scope) or len(summed), lambda _: numbers)

    return ask


def scope(user=None):
    return Scope(user, date(2026, 3, 1), date(2026, 3, 2))


def test_it_is_summed_once_until_the_next_refresh(ask):
    assert [ask(scope()), ask(scope()), ask(scope(), MARK + timedelta(minutes=1)), ask(scope())] == [1, 1, 2, 1]


def test_another_scope_or_something_else_is_summed_by_itself(ask):
    asked = scope()
    others = [replace(asked, area="A"), replace(asked, group=1), replace(asked, since=date(2026, 2, 1))]
    assert len({ask(each) for each in [asked, *others]} | {ask(asked, what="hours")}) == 5


def test_nobody_gets_what_was_summed_for_somebody_else(ask):
    anna, berta = User.objects.create_user("anna"), User.objects.create_user("berta")
    root, boss = User.objects.create_superuser("root"), User.objects.create_superuser("boss")
    found = {user: ask(scope(user)) for user in (anna, berta, root, None)}
    assert len(set(found.values())) == 4
    # Who may see everybody's shares them.
    assert ask(scope(boss)) == found[root]
    # And no more so once that is taken away.
    root.is_superuser = False
    assert ask(scope(root)) not in found.values()


def test_without_a_refresh_nothing_is_kept(ask):
    assert [ask(scope(), None), ask(scope(), None)] == [1, 2]


def test_it_is_kept_a_minute_at_most(ask, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(kept, "monotonic", lambda: now[0])
    ask(scope())
    now[0] += kept.SECONDS - 1
    assert ask(scope()) == 1
    now[0] += 1
    assert ask(scope()) == 2


def test_what_was_not_asked_for_longest_makes_room(ask, monkeypatch):
    monkeypatch.setattr(kept, "MOST_NUMBERS", 25)
    first, second, third = (replace(scope(), area=area) for area in "ABC")
    ask(first), ask(second), ask(first)
    ask(third)
    assert ask(first) == 1
    assert ask(second) == 4
    assert ask(third, what="too much", numbers=26) == 5
    assert not kept._entries
