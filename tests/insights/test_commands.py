"""Do the commands say what they have done, to people and to programs?"""

import io
import json

import pytest
from django.core.management import call_command

from insights import refresh
from insights.scope import as_of
from tests.insights.conftest import finish_visits, forge, sums

pytestmark = pytest.mark.django_db


def run(*arguments):
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_a_refresh_says_how_many_images_and_visits_there_were():
    finish_visits(("T-1", 3), ("T-1", 1))
    said = run("refresh_insights")
    assert said == f"4 images read, 2 visits summed anew; as of {as_of():%Y-%m-%d %H:%M:%S} UTC.\n"
    assert run("refresh_insights").startswith("0 images read, 0 visits summed anew; as of ")


def test_a_refresh_as_json():
    finish_visits(("T-1", 1))
    found = json.loads(run("refresh_insights", "--format", "json"))
    assert found == {"images": 1, "visits": 1, "as_of": as_of().isoformat()}


def test_a_rebuild_says_how_much_was_wrong():
    finish_visits(("T-1", 3), ("T-1", 1))
    refresh.refresh()
    assert run("rebuild_insights").startswith("4 images read, no visit summed otherwise than before; as of ")
    forge("images = 0 WHERE images = 3")
    assert json.loads(run("rebuild_insights", "--format", "json"))["visits"] == 1
    assert sums() == [(3, 3, 0, 0), (1, 1, 0, 0)]


def test_a_rebuild_that_is_interrupted_says_so_and_leaves_what_is_summed(monkeypatch, capsys):
    finish_visits(("T-1", 3))
    refresh.refresh()

    def interrupted():
        yield refresh.Done(3, 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(refresh, "rebuild", interrupted)
    with pytest.raises(SystemExit, match="130"):
        call_command("rebuild_insights")
    assert "Interrupted after 3 images" in capsys.readouterr().err
