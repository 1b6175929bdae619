import pytest
from django.core.files.storage import storages

from jobs.imaging.keep import Keeper


@pytest.fixture
def folder(settings, tmp_path):
    """Photos are kept in a folder of the test's own."""
    use(settings, {"BACKEND": "jobs.imaging.photo_store.PhotoFolder", "OPTIONS": {"location": tmp_path / "photos"}})
    return tmp_path / "photos"


@pytest.fixture
def keeper(folder):
    keeper = Keeper(originals=True)
    keeper.room = 10**9
    return keeper


def use(settings, storage):
    settings.STORAGES = settings.STORAGES | {"photos": storage}
    # What Django remembers of the storages before.
    storages.__dict__.pop("backends", None)
    storages._backends = None
    storages._storages = {}
