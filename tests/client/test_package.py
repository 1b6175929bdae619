"""The client as a distribution: its types, its dependencies, and what an installation holds."""

import ast
import json
import shutil
import subprocess
import sys
import zipfile
from io import StringIO

import pytest
from django.core.management import call_command

from client import generate_types
from tests import ROOT

CLIENT = ROOT / "client"


@pytest.mark.django_db
def test_its_types_are_those_of_the_api():
    out = StringIO()
    call_command("spectacular", format="openapi-json", stdout=out)
    assert generate_types.TARGET.read_text() == generate_types.generate(json.loads(out.getvalue()))


def test_it_needs_requests_and_the_standard_library_alone():
    imported = set()
    for path in (CLIENT / "retail_pulse_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    # urllib3 comes with requests; tqdm is an extra, and is done without.
    assert imported - set(sys.stdlib_module_names) == {"requests", "urllib3", "tqdm"}


def test_it_is_built_into_a_wheel_with_its_command(tmp_path):
    uv = shutil.which("uv") or shutil.which(str(ROOT / ".uv" / "bin" / "uv"))
    if uv is None:
        pytest.skip("uv is not installed, which builds the wheel")
    # uv brings its own build backend: nothing is downloaded.
    subprocess.run([uv, "build", "--offline", "--wheel", "--quiet", "-o", tmp_path, CLIENT], check=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "retail_pulse_client/command.py" in names
    assert "retail_pulse_client/py.typed" in names
    assert any(name.endswith("entry_points.txt") for name in names)
    assert not [name for name in names if "generate" in name]
