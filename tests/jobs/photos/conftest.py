import pytest

from jobs.imaging.keep import Keeper
from tests.kept_photos import keep_in_folder


@pytest.fixture
def folder(settings, tmp_path):
    """Photos are kept in a folder of the test's own."""
    keep_in_folder(settings, tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def keeper(folder):
    keeper = Keeper(originals=True)
    keeper.room = 10**9
    return keeper
