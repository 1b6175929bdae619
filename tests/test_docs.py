"""Does what the documentation names exist, and does it say what the code does?"""

import json
import os
import re
import runpy
import shutil
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.urls import resolve
from django.utils.module_loading import import_string

from insights.default_period import WEEKS
from jobs.engine.companion import companions, in_every_engine
from jobs.errors import HTTPStatus, all_errors
from tests import ROOT
from tests.conftest import FIXTURES
from tests.retail_pulse.settings_tables import DEFAULTS, NUMBERS

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "client" / "README.md",
]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
EVERYTHING = "\n".join(TEXTS.values())
OPERATIONS, API = TEXTS["docs/operations.md"], TEXTS["docs/api.md"]

FOLDERS = [path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
# Not after a slash or a variable: those are addresses.
PATH = re.compile(
    rf"(?<![\w/.$*-])(?:{'|'.join([*FOLDERS, 'fixtures', 'docs'])})/[\w/.*-]*\w/?|`([\w-]+\.(?:py|md|yml|toml))`"
)
GIVEN_TO_READERS = {"shelf_model.py", "retail-pulse.log"}

of_every_page = pytest.mark.parametrize("page", TEXTS)


@of_every_page
def test_lines_are_at_most_120_characters_wide(page: str) -> None:
    """But for tables, code and pictures, which cannot be broken."""
    prose = re.sub(r"^```.*?^```", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL)
    lines = (line for line in prose.splitlines() if not line.startswith(("|", "![")))
    assert [line for line in lines if len(line) > 120] == []


def table(text: str) -> list[list[str]]:
    """The cells of every table's rows in `text`, without the dashes under its headings."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of this language; "" are those that name none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in fenced if name == language]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@of_every_page
def test_every_section_is_there_once(page):
    """But for those of the changelog, which each version has."""
    headings = re.findall(r"^## .*", TEXTS[page], re.MULTILINE)
    assert len(headings) == len(set(headings))


@of_every_page
def test_no_two_items_of_a_page_are_about_the_same(page):
    leads = re.findall(r"^- \*\*(.+?)\*\*", TEXTS[page], re.MULTILINE)
    assert len(leads) == len(set(leads))


def test_every_setting_has_one_row():
    names = [cells[0] for cells in table(TEXTS["docs/configuration.md"])]
    assert [name for name in set(names) if name.startswith("`") and names.count(name) > 1] == []


def test_the_readme_is_read_in_minutes():
    assert len(TEXTS["README.md"].splitlines()) <= 200


def test_the_readme_leads_to_every_page():
    linked = set(re.findall(r"\]\(([\w/.-]+\.md)\)", TEXTS["README.md"]))
    assert linked == set(TEXTS) - {"README.md"}


@of_every_page
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), target


def test_every_picture_is_shown():
    shown = set(re.findall(r"!\[[^]]+\]\((?:docs/)?([\w-]+\.png)\)", EVERYTHING))
    assert shown == {picture.name for picture in (ROOT / "docs").glob("*.png")}


@of_every_page
def test_every_path_that_is_named_exists(page):
    if page == "CHANGELOG.md":  # of what was, too
        return
    for found in PATH.finditer(TEXTS[page]):
        path = found[1] or found[0]
        assert path in GIVEN_TO_READERS or any(ROOT.glob(path)), path


def test_the_readme_draws_the_path_of_a_job():
    (drawing, _) = blocks(TEXTS["README.md"], "")
    assert len(PATH.findall(drawing)) >= 6


def test_what_is_named_by_a_dotted_path_exists():
    dotted = re.findall(rf"`((?:{'|'.join(FOLDERS)})\.\w+\.[\w.]+)", EVERYTHING)
    assert dotted
    for name in dotted:
        import_string(name)


def test_every_word_of_run_is_one_that_run_knows():
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^\./run (\w+)", usage, re.MULTILINE))
    assert set(re.findall(r"\./run (\w+)", EVERYTHING)) - {"help"} <= known


def test_every_proof_is_described():
    from proofs.__main__ import NAMES

    described = re.findall(r"^\| `\./run proof (\w+)`", TEXTS["docs/reliability.md"], re.MULTILINE)
    assert sorted(described) == sorted(NAMES)


def test_every_management_command_exists_and_knows_the_options_that_are_given():
    lines = re.findall(r"(?:\./run manage|manage\.py) ([a-z_]+)([^`\n#]*)", EVERYTHING)
    assert {command for command, _ in lines} - {"help"} <= set(get_commands())
    for command, rest in lines:
        if command in {"help", "postgres"}:  # what follows is PostgreSQL's own
            continue
        parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
        known = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"(?<![\w-])--[\w-]+", rest)) <= known, f"{command}{rest}"


def test_every_word_of_serve_and_work_is_one_they_know():
    for command, rest in re.findall(r"\./run (serve|work|demo)\b([^`\n#]*)", EVERYTHING):
        parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
        known = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"(?<![\w-])--[\w-]+", rest)) <= known, f"{command}{rest}"


# --- errors.md


def test_every_error_code_is_explained_and_none_besides():
    rows = [row for row in table(TEXTS["docs/errors.md"]) if len(row) == 3 and row[0].startswith("`")]
    statuses = ", ".join(map(str, sorted(HTTPStatus.RETRYABLE_STATUSES)))

    def retried(error: Any) -> str:
        if error is HTTPStatus:
            return statuses
        if not error.retryable:
            return "no"
        return f"yes, {error.max_attempts} attempts at most" if error.max_attempts else "yes"

    assert rows == [[f"`{error.code}`", error.sentence, retried(error)] for error in all_errors()]


# --- configuration.md

CONFIGURATION = {row[0].strip("`"): row[1:] for row in table(TEXTS["docs/configuration.md"]) if len(row) == 4}
CONFIGURATION.pop("name")


@pytest.fixture
def read_from_the_environment(tmp_path) -> dict[str, str]:
    """Every name that settings.py reads, with the text shown for it where it is unset."""
    (tmp_path / "retail_pulse").mkdir()
    shutil.copy(ROOT / "retail_pulse" / "settings.py", tmp_path / "retail_pulse")
    defaults = {}

    def get_value(name: str, **options: Any) -> Any:
        defaults[name] = str(options["default"])
        return options["default"]

    with mock.patch("environ.Env.get_value", side_effect=get_value), mock.patch.dict(os.environ, {}, clear=True):
        runpy.run_path(str(tmp_path / "retail_pulse" / "settings.py"))
    defaults["RETAIL_PULSE_HOME"] = str(Path(defaults["RETAIL_PULSE_HOME"]).relative_to(tmp_path))
    return defaults


def test_every_setting_is_in_the_table_with_its_default_and_none_else(read_from_the_environment):
    def documented(cell: str) -> str:
        text = re.match(r"(none)\b|`([^`]+)`", cell)
        assert text is not None, cell
        return "" if text[1] else {"false": "False", "true": "True"}.get(text[2], text[2])

    assert {name: documented(row[0]) for name, row in CONFIGURATION.items()} == read_from_the_environment


def test_a_default_in_mebibytes_is_the_one_in_bytes():
    sizes = [re.fullmatch(r"`(\d+)` \((\d+) MiB\)", row[0]) for row in CONFIGURATION.values()]
    assert sum(size is not None for size in sizes) == 3
    assert all(int(size[1]) == int(size[2]) * 2**20 for size in sizes if size)


@pytest.mark.parametrize(("name", "lowest", "highest"), [limits[:3] for limits in NUMBERS])
def test_every_number_is_in_the_table_with_its_limits(name, lowest, highest):
    low, high = (f"{float(text):,g}" if "." in text else f"{int(text):,}" for text in (lowest, highest))
    assert re.match(rf"{low} to {high}($| )", CONFIGURATION[name][1]), CONFIGURATION[name][1]


@pytest.mark.parametrize(
    ("images_a_second", "web_processes", "engines"), [("1", 1, 1), ("10", 1, 1), ("1,000", 2, 4), ("10,000", 4, 40)]
)
def test_the_sizes_have_as_many_connections_as_the_code_opens(images_a_second, web_processes, engines):
    (row,) = [row for row in table(TEXTS["docs/scaling.md"]) if row[0] == images_a_second and len(row) == 8]
    of_web = int(DEFAULTS["WEB_THREADS"]) + 1  # one for each thread, and for live events
    # Claims, records, the heartbeat, and whether old jobs are to be deleted; and what every engine does beside it.
    of_engine = 4 + len(in_every_engine)
    assert int(row[6]) == web_processes * of_web + engines * of_engine + len(companions)


def test_the_period_of_a_figure_is_the_one_of_the_code():
    assert f"Without days it is the last {WEEKS} calendar weeks" in TEXTS["docs/insights.md"].replace("\n", " ")


def test_every_switch_and_choice_is_in_the_table_with_its_values():
    for name in [name for name, value in DEFAULTS.items() if isinstance(value, bool)]:
        assert CONFIGURATION[name][1] == "`true`, `false`"
    assert CONFIGURATION["ENGINE_AUTOSTART"][1] == "`auto`, `off`"
    assert CONFIGURATION["IMAGE_CHECK"][1] == "`header`, `complete`, `decode`"
    assert CONFIGURATION["LOG_LEVEL"][1] == "`DEBUG`, `INFO`, `WARNING`, `ERROR`"


def test_every_setting_that_is_named_on_a_page_exists():
    # What looks like a setting: capitals with an underscore. The rest of them are systemd's, PostgreSQL's and Python's.
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[`=]", EVERYTHING))
    assert named <= set(CONFIGURATION)


def test_every_check_is_in_the_table_and_none_else():
    modules = [ROOT / app / "checks.py" for app in ("access", "jobs")]
    ids = {found for module in modules for found in re.findall(r'id="(\w+\.[EW]\d+)"', module.read_text())}
    everywhere = {path for path in ROOT.glob("*/**/checks.py") if ".venv" not in path.parts}
    assert everywhere == set(modules)
    assert {row[0].strip("`") for row in table(TEXTS["docs/configuration.md"]) if len(row) == 2} - {"id"} == ids


# --- api.md


def test_every_operation_is_in_the_table_and_none_else(client, db):
    document = client.get("/api/v1/openapi.json").json()
    operations = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api/v1/")
    }
    described = {
        (method, path)
        for methods, path in re.findall(r"^\| (`(?:\w+`, `)*\w+) (/api/v1/[^`]+)`", API, re.MULTILINE)
        for method in re.findall(r"\w+", methods)
    }
    assert described == operations | {("GET", "/api/v1/openapi.json")}


@of_every_page
def test_every_address_of_the_service_leads_somewhere(page):
    paths = re.findall(r"(?<!api=)http://127\.0\.0\.1:8000(/[\w/.:-]*)", TEXTS[page])
    if short := re.search(r"^api=http://127\.0\.0\.1:8000(\S+)", TEXTS[page], re.MULTILINE):
        paths += [short[1] + path for path in re.findall(r"\$api(/[\w/.:-]+)", TEXTS[page])]
    pages = "api|docs|jobs|stores|submit|operations|admin|sign-in"
    paths += re.findall(rf"`(?:GET |POST )?(/(?:{pages})/[\w/.:-]*)[`#]", TEXTS[page])
    for path in paths:
        if path != "/api/v1/":  # the part before them all
            resolve(path)


def test_the_examples_are_json():
    for page, text in TEXTS.items():
        for block in blocks(text, "json"):
            assert json.loads(block.replace("[…]", "[]")), page


# --- the other pages


@pytest.mark.django_db
def test_an_import_prints_what_the_page_shows():
    (shown,) = blocks(TEXTS["docs/stores.md"], "")
    again = re.search(r"run again, `(.+?)`", TEXTS["docs/stores.md"])
    assert again is not None
    for last in (shown.splitlines()[-1], again[1]):
        out = StringIO()
        call_command("import_stores", str(FIXTURES / "stores.csv"), stdout=out, stderr=out)
        assert out.getvalue().splitlines() == [*shown.splitlines()[:-1], last]


def test_an_export_has_the_columns_that_the_page_names():
    from jobs.reporting.exports import COLUMNS

    (paragraph,) = re.findall(r"in submission order: (.+?)\.\n\n", TEXTS["docs/cli.md"], re.DOTALL)
    assert re.findall(r"`(\w+)`", paragraph) == [column.name for column in COLUMNS]


def test_contributing_says_what_each_folder_of_tests_is_for():
    described = re.findall(r"^\| `(tests/\w+/)` \|", TEXTS["CONTRIBUTING.md"], re.MULTILINE)
    folders = [f"tests/{path.name}/" for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()]
    assert sorted(described) == sorted(folders)
