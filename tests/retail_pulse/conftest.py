import os
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

import pytest

from tests import ROOT


@pytest.fixture
def checkout(tmp_path):
    """Where the settings believe to be, so that neither .env nor the state of the real checkout matters."""
    (tmp_path / "retail_pulse").mkdir()
    return tmp_path


@pytest.fixture(scope="session")
def settings_code() -> CodeType:
    """Compiled once: that takes longer than to read the environment."""
    path = ROOT / "retail_pulse" / "settings.py"
    return compile(path.read_bytes(), path, "exec")


def run_settings(code: CodeType, checkout: Path, **environment: str) -> dict[str, Any]:
    names = {"__name__": "settings", "__file__": str(checkout / "retail_pulse" / "settings.py")}
    with mock.patch.dict(os.environ, environment, clear=True):
        exec(code, names)
    return names


@pytest.fixture
def read(settings_code, checkout):
    def read(**environment: str) -> dict[str, Any]:
        """The settings under this environment and no other."""
        return run_settings(settings_code, checkout, **environment)

    return read
