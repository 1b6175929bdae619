"""Does the operations page say whether the broker can be reached, and nothing where there is none?"""

import pytest
from django.urls import reverse

from jobs.engine.threads import ThreadEngine
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(client, monkeypatch):
    """The operations page, for a broker in this state."""
    client.force_login(make_staff("view_job", "view_pausedhost"))

    def shown(broker):
        monkeypatch.setattr(ThreadEngine, "broker", broker)
        return client.get(reverse("dashboard:operations")).text

    return shown


@pytest.mark.parametrize(("broker", "tile", "notice"), [("up", 1, 0), ("away", 1, 1), (None, 0, 0)])
def test_the_operations_page_shows_the_broker(shown, broker, tile, notice):
    page = shown(broker)
    assert page.count("<dt>Broker</dt>") == tile
    assert page.count("The broker is away.") == notice
