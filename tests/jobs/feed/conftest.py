import pytest

from jobs.models import ResultsFeed


@pytest.fixture
def since_ever(db):
    """An audit looks at every outcome."""
    ResultsFeed.objects.update_or_create(pk=ResultsFeed.ID, defaults={"began_at": None})
