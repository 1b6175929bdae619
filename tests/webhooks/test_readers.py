"""Whose rights a sender remembers."""

import pytest

from webhooks import readers
from webhooks.models import Endpoint, Event
from webhooks.readers import Readers

pytestmark = pytest.mark.django_db


def test_no_more_owners_are_remembered_than_a_process_has_room_for(ann, ben, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(readers, "MOST_KNOWN", 1)
    known = Readers()
    asked = [(Endpoint(owner=user), Event(type="job.ended", owner_id=user.pk)) for user in (ann, ann, ben, ann)]
    with django_assert_num_queries(3):
        assert [known.may_be_told(*each) for each in asked] == [True] * 4
    assert len(known._known) == 1
