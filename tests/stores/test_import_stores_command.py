"""`manage.py import_stores`: what it prints and the code it ends with."""

import json
import os
import pty
import subprocess
import sys
from io import StringIO
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from stores.models import Store
from tests.stores.files import HEADER, store_file
from tests.tables.files import workbook


@pytest.fixture
def write(tmp_path):
    def write(*rows, **options):
        path = tmp_path / "stores.csv"
        path.write_bytes(store_file(*rows, **options).getvalue())
        return path

    return write


def run(path, *options):
    """The lines on standard output, and the code and sentence of the failure, if any."""
    out = StringIO()
    try:
        call_command("import_stores", str(path), *options, stdout=out)
    except CommandError as error:
        return out.getvalue().splitlines(), error.returncode, str(error)
    return out.getvalue().splitlines(), 0, ""


@pytest.mark.django_db
def test_a_good_file_ends_with_one_line(write, capfd):
    lines, code, _ = run(write("A,ONE,X1", "B,TWO,X2"))
    assert lines == ["2 rows: 2 new, 0 changed, 0 unchanged, 0 rejected, 0 names repaired"]
    assert code == 0
    assert capfd.readouterr() == ("", "")  # no bar where nobody looks on


@pytest.mark.django_db
def test_what_was_repaired_and_ignored_is_above_the_summary(write):
    lines, code, _ = run(write("A,CAFÃ‰,X1,7", header="AreaCode,StoreName,StoreID,Rank"))
    assert lines == [
        "columns ignored: 'Rank'",
        "line 2: name 'CAFÃ‰' repaired to 'CAFÉ'",
        "1 row: 1 new, 0 changed, 0 unchanged, 0 rejected, 1 name repaired",
    ]
    assert code == 0


@pytest.mark.django_db
def test_rejected_rows_end_with_code_1(write):
    lines, code, sentence = run(write("A,ONE,X1", "A,,X2", "A,SHOP,-3,X3"))
    assert lines == [
        "line 3, 'StoreName': is blank",
        "line 4: has 4 cells where the header has 3: column D has no title but holds 'X3'; "
        "a text that holds the separator must be quoted",
        "3 rows: 1 new, 0 changed, 0 unchanged, 2 rejected, 0 names repaired; nothing stored",
    ]
    assert code == 1
    assert "--skip-rejected" in sentence
    assert not Store.objects.exists()


@pytest.mark.django_db
def test_skipped_rejections_end_with_code_0(write):
    lines, code, _ = run(write("A,ONE,X1", "A,,X2"), "--skip-rejected")
    assert lines[-1] == "2 rows: 1 new, 0 changed, 0 unchanged, 1 rejected, 0 names repaired"
    assert code == 0
    assert Store.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("options", [[], ["--skip-rejected"], ["--dry-run"]])
def test_an_id_in_two_lines_ends_with_code_1_and_names_both(write, options):
    lines, code, sentence = run(write("A,ONE,X1", "A,TWO,X1"), *options)
    assert lines[0] == "store id 'X1' is in lines 2, 3"
    assert code == 1
    assert sentence == "Nothing stored: keep one line of each id."


@pytest.mark.django_db
def test_what_is_not_listed_is_counted(write):
    lines, _, _ = run(write(*["A,,X1"] * 1_002))
    assert lines[-2] == "… and 2 more rows rejected"


@pytest.mark.django_db
def test_a_cell_cannot_steer_the_terminal(write):
    lines, _, _ = run(write("A,SHOP,X1,7", header="AreaCode,StoreName,StoreID,\x1b[2J"))
    assert lines[0] == r"columns ignored: '\x1b[2J'"


@pytest.mark.django_db
def test_json_is_one_document(write):
    lines, code, _ = run(write("A,CAFÃ‰,X1", "A,,X2", "A,ONE,X3", "A,TWO,X3"), "--format", "json")
    report = json.loads("\n".join(lines))
    assert code == 1
    assert report["stored"] is False
    assert (report["rows"], report["new"], report["rejected_rows"], report["mended_names"]) == (4, 3, 1, 1)
    assert report["rejected"] == [{"line": 3, "column": "StoreName", "reason": "is blank"}]
    assert report["mended"] == [{"line": 2, "before": "CAFÃ‰", "after": "CAFÉ"}]
    assert report["duplicates"] == [{"store_id": "X3", "lines": [4, 5]}]


@pytest.mark.django_db
def test_a_dry_run_stores_nothing(write):
    lines, code, _ = run(write("A,ONE,X1"), "--dry-run")
    assert lines[-1].endswith("dry run, nothing stored")
    assert code == 0
    assert not Store.objects.exists()


@pytest.mark.django_db
def test_prune_is_passed_on(write):
    Store.objects.create(store_id="OLD", name="OLD", area_code="A")
    lines, _, _ = run(write("A,ONE,X1"), "--prune")
    assert lines[-1].endswith("1 pruned")
    assert [store.store_id for store in Store.objects.all()] == ["X1"]


@pytest.mark.django_db
def test_the_encoding_is_passed_on(write):
    _, code, sentence = run(write("A,CAFÉ,X1", encoding="utf-16"))
    assert (code, "the file is UTF-16; name that encoding, utf-16, with --encoding" in sentence) == (2, True)
    _, code, _ = run(write("A,CAFÉ,X1", encoding="utf-16"), "--encoding", "utf-16")
    assert code == 0
    assert Store.objects.get().name == "CAFÉ"


def test_an_unreadable_file_ends_with_code_2_and_names_it(tmp_path):
    path = tmp_path / "absent.csv"
    assert run(path) == ([], 2, f"{path}: No such file or directory")
    assert run(tmp_path)[1:] == (2, f"{tmp_path}: Is a directory")
    path.write_bytes(b"")
    assert run(path)[1:] == (2, f"{path}: the file is empty; the first line must be AreaCode,StoreName,StoreID.")


def test_prune_and_skip_rejected_are_not_taken_together(write):
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("import_stores", str(write()), "--prune", "--skip-rejected")


def database_url():
    connection.ensure_connection()
    info = connection.connection.info
    place = urlencode({"host": info.host, "port": info.port})
    return f"postgresql://{quote(info.user)}:{quote(info.password)}@/{quote(info.dbname)}?{place}"


@pytest.mark.django_db(transaction=True)
def test_a_real_process_on_a_terminal_shows_a_bar_and_ends_with_the_code(write):
    terminal, its_end = pty.openpty()
    try:
        process = subprocess.run(
            [sys.executable, settings.BASE_DIR / "manage.py", "import_stores", write("A,ONE,X1", "A,,X2")],
            env={**os.environ, "DATABASE_URL": database_url(), "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=its_end,
            text=True,
            check=False,
        )
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(its_end)
        os.close(terminal)
    assert process.returncode == 1
    assert process.stdout.endswith(
        "\n2 rows: 1 new, 0 changed, 0 unchanged, 1 rejected, 0 names repaired; nothing stored\n"
    )
    assert "storing" in shown
    assert "Nothing stored: correct the rejected rows" in shown


@pytest.mark.django_db
def test_a_dry_run_names_what_would_change(write):
    for store_id in ("X1", "X2", "X3"):
        Store.objects.create(store_id=store_id, name="OLD", area_code="A")
    lines, code, _ = run(write("B,ONE,X1", "A,NEW,X2", "A,FOUR,X4"), "--dry-run")
    assert lines[:-1] == [
        "line 4: new 'X4': 'FOUR', area 'A'",
        "line 2: changed 'X1': name 'OLD' to 'ONE', area 'A' to 'B'",
        "line 3: changed 'X2': name 'OLD' to 'NEW'",
        "missing 'X3': 'OLD', area 'A'",
    ]
    assert code == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "last"), [(10, "line 11: new"), (1_244, "… and 1,234 more new")])
def test_a_dry_run_is_short_whatever_the_file(write, number, last):
    lines, _, _ = run(write(*[f"A,SHOP,X{n}" for n in range(number)]), "--dry-run")
    assert lines[-2].startswith(last)
    assert len(lines) <= 12


@pytest.mark.django_db
def test_json_holds_the_difference(write):
    report = json.loads("\n".join(run(write("A,ONE,X1"), "--dry-run", "--format", "json")[0]))
    assert report["new_stores"] == [{"line": 2, "store_id": "X1", "name": "ONE", "area_code": "A"}]
    assert report["changed_stores"] == report["missing_stores"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("options", [[], ["--skip-rejected"], ["--dry-run"]])
def test_rejected_rows_are_written_to_a_file(write, tmp_path, options):
    out = tmp_path / "rejects.csv"
    run(write("A,ONE,X1", "A,,X2", "A,CAFÉ, X3,"), "--rejects", str(out), *options)
    assert out.read_text("utf-8-sig").splitlines() == [
        '"AreaCode","StoreName","StoreID","Line","Reason"',
        '"A","","X2","3","StoreName: is blank"',
        '"A","CAFÉ"," X3","4","StoreID: begins or ends with white space"',
    ]


def test_rejects_never_overwrite_the_file_itself(write):
    path = write("A,ONE,X1")
    before = path.read_bytes()
    assert run(path, "--rejects", str(path))[1:] == (2, "--rejects would overwrite the file itself.")
    assert path.read_bytes() == before


def test_a_place_for_rejects_that_cannot_be_written_is_reported_before_anything_is_stored(write, tmp_path):
    out = tmp_path / "absent" / "rejects.csv"
    assert run(write("A,ONE,X1"), "--rejects", str(out))[1:] == (2, f"{out}: No such file or directory")


@pytest.mark.django_db
def test_samples_go_into_an_empty_store_master_alone(write):
    assert run(write("A,ONE,X1"), "--if-empty")[0][-1].startswith("1 row: 1 new")
    assert run(write("A,TWO,X2", "A,OTHER,X1"), "--if-empty")[0] == [
        "There are stores in the store master already, so nothing was imported."
    ]
    assert list(Store.objects.values_list("store_id", "name")) == [("X1", "ONE")]


@pytest.mark.django_db
def test_a_workbook_is_imported_by_its_sheet_with_its_warnings(tmp_path):
    path = tmp_path / "stores.csv"
    path.write_bytes(workbook(["x"], header=["Read me"], sheet="Notes", Stores=[HEADER.split(","), ["A", "ONE", 17]]))
    assert run(path)[1:] == (
        2,
        f"{path}: line 1: the header lacks AreaCode, StoreName, StoreID; it names 'Read me'; "
        "another sheet can be named with --sheet: 'Stores'.",
    )
    lines, code, _ = run(path, "--sheet", "Stores", "--rejects", str(tmp_path / "rejects.csv"))
    assert lines == [
        "warning: 'StoreID': 1 cell is a number in the workbook: leading zeros, if there were any, are lost "
        "('17' in line 2)",
        "1 row: 1 new, 0 changed, 0 unchanged, 0 rejected, 0 names repaired, 1 doubtful cell, "
        "read as the sheet 'Stores', one of 2",
    ]
    assert code == 0
    assert Store.objects.get().store_id == "17"
