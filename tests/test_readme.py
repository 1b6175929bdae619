"""What the README names exists."""

import re
import subprocess

import pytest
from django.core.management import get_commands

from jobs.errors import all_errors
from tests.conftest import FIXTURES

CHECKOUT = FIXTURES.parent
README = (CHECKOUT / "README.md").read_text()


def test_every_word_of_run_is_one_that_run_knows():
    usage = subprocess.run([CHECKOUT / "run", "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^\./run (\w+)", usage, re.MULTILINE))
    assert set(re.findall(r"\./run (\w+)", README)) - {"help"} <= known


def test_every_management_command_exists():
    named = set(re.findall(r"(?:\./run manage|manage\.py) (\w+)", README))
    assert named <= set(get_commands())


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`((?:access|jobs|stores|retail_pulse|fixtures)/[\w/.-]+)`", README))
    assert named
    assert [path for path in named if not (CHECKOUT / path).exists()] == []


@pytest.mark.parametrize("error", list(all_errors()), ids=lambda error: error.code)
def test_every_error_code_is_explained(error):
    assert f"`{error.code}`" in README
    assert error.sentence in re.sub(r"\s+", " ", README)


def test_every_link_within_the_page_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", README)) <= headings


def test_the_model_of_the_example_runs():
    from jobs.imaging.types import Measurement

    namespace: dict = {}
    exec(re.search(r"```python\n(.*?)```", README, re.DOTALL)[1], namespace)
    with (FIXTURES / "images" / "shelf.jpg").open("rb") as image:
        answer = namespace["Brightness"]().infer(image, Measurement(640, 480, "JPEG"))
    assert 0 <= answer["brightness"] <= 255
