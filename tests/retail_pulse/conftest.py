import os
import runpy
import shutil
from typing import Any
from unittest import mock

import pytest

from tests import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A checkout with only settings.py, so that neither .env nor the state of the real one matters."""
    (tmp_path / "retail_pulse").mkdir()
    shutil.copy(ROOT / "retail_pulse" / "settings.py", tmp_path / "retail_pulse")
    return tmp_path


@pytest.fixture
def read(checkout):
    def read(**environment: str) -> dict[str, Any]:
        """The settings under this environment and no other."""
        with mock.patch.dict(os.environ, environment, clear=True):
            return runpy.run_path(str(checkout / "retail_pulse" / "settings.py"))

    return read
