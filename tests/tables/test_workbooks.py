"""Excel workbooks: which sheet, and what its cells show as text."""

import io
from datetime import date, datetime, time, timedelta
from zipfile import ZipFile

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tables.table import open_table
from tables.workbook import letters_of
from tests.tables.files import COLUMNS, HEADER, misfits, raw_workbook, read, refusal, saved, text_cell, workbook


def marks(content, **options):
    """By the cell's own text: its fault or its doubt."""
    with open_table(io.BytesIO(content), COLUMNS, **options) as table:
        return [
            (cells[place], *mark) for _, cells, found, _ in table for place, mark in (found or {}).items()
        ]  # fmt: skip


def value(content):
    """The text of the one store's id."""
    ((_, (*_, store_id)),) = read(content)
    return store_id


def test_a_workbook_is_read_by_its_content():
    assert read(workbook(["A", "CAFÉ 店", "X1"], ["B", "TWO\nLINES", "X2"])) == [
        (2, ["A", "CAFÉ 店", "X1"]), (3, ["B", "TWO\nLINES", "X2"])
    ]  # fmt: skip


def test_a_workbook_with_macros_is_read_too():
    content = saved(Workbook()) and workbook(["A", "B", "X1"])
    made = load_workbook(io.BytesIO(content), keep_vba=True)
    with made.vba_archive:  # the parts that openpyxl copies, which it leaves open
        assert read(saved(made)) == [(2, ["A", "B", "X1"])]


def test_shared_texts_with_formats_and_phonetic_hints_are_plain_text():
    strings = [
        "<si><t>AreaCode</t></si><si><t>StoreName</t></si><si><t>StoreID</t></si>",
        "<si><r><rPr><b/></rPr><t>OLD </t></r><r><t xml:space='preserve'>SHOP </t></r><rPh><t>X</t></rPh></si>",
        "<si><t>TWO_x000D_\nLINES_x005F_x</t></si><si><t/></si>",
    ]
    cells = '<c r="A2" t="s"><v>3</v></c><c r="B2" t="s"><v>4</v></c><c r="C2" t="s"><v>0</v></c>'
    assert read(raw_workbook([f'<row r="2">{cells}</row>'], strings=strings)) == [
        (2, ["OLD SHOP ", "TWO\r\nLINES_x", "AreaCode"])
    ]


def test_rows_and_cells_that_are_not_there_are_blank_and_rows_keep_their_numbers():
    rows = f'<row r="5">{text_cell("A", "A5")}{text_cell("X", "C5")}</row><row>{text_cell("B")}{text_cell("N")}</row>'
    assert read(raw_workbook([rows])) == [(5, ["A", "", "X"]), (6, ["B", "N", ""])]


@pytest.mark.parametrize("blank", [[None] * 3, ["", " ", None], ["\u00a0", None, None]])
def test_blank_rows_are_no_rows_and_surplus_blank_cells_none(blank):
    content = workbook(blank, ["A", "B", "X", None, " "], blank, ["A", "B", "Y", None, None, "note"], blank)
    assert read(content) == [(3, ["A", "B", "X"])]
    assert misfits(content) == [
        (5, None, "column F has no title but holds 'note'; give the column a title, or empty the cell")
    ]


def test_a_header_that_comes_twice_and_a_column_that_is_named_twice():
    assert misfits(workbook(["A", "B", "X"], HEADER)) == [(3, None, "repeats the header")]
    assert refusal(workbook(header=[None, *HEADER, "store_id"])).startswith(
        "line 1: the header names the column StoreID twice"
    )


@pytest.mark.parametrize(
    ("number", "shown", "doubt"),
    [
        (123, "123", "number"), (123.0, "123", "number"), (-7, "-7", "number"), (1.5, "1.5", "number"),
        (0.1 + 0.2, "0.3", "number"), (890123456789, "890123456789", "number"),
        (1e20, "100000000000000000000", "digits"),
        (890123456789012, "890123456789012", "number"), (8901234567890123, "8901234567890120", "digits"),
        (1e-7, "0.0000001", "number"),
    ],
)  # fmt: skip
def test_a_number_is_shown_as_excel_shows_an_id_with_a_doubt(number, shown, doubt):
    content = workbook(["A", "B", number])
    assert value(content) == shown
    assert marks(content) == [(shown, None, doubt)]


def test_a_number_is_filled_up_with_zeros_where_its_format_does_so():
    made = Workbook()
    for row in (HEADER, ["A", "B", 123]):
        made.active.append(row)
    made.active["C2"].number_format = "000000"
    content = saved(made)
    assert value(content) == "000123"
    assert marks(content) == []


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 22, 9, 30), "2026-11-22T09:30:00"), (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, 9, 30, 15, 250_000), "2026-11-22T09:30:15.250"),
        (datetime(2026, 11, 22), "2026-11-22T00:00:00"),
        (time(9, 30), "09:30:00"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("of_1904", [False, True])
def test_a_date_is_shown_in_iso_8601(moment, shown, of_1904):
    made = Workbook()
    if of_1904:
        made.epoch = CALENDAR_MAC_1904
    made.active.append(HEADER)
    made.active.append(["A", "B", moment])
    content = saved(made)
    assert value(content) == shown
    assert marks(content) == [(shown, None, "date")]


def test_a_duration_is_a_number():
    assert value(workbook(["A", "B", timedelta(hours=36)])) == "1.5"


@pytest.mark.parametrize("code", ["dd/mm/yyyy", "m/d/yy", "[$-409]d\\-mmm\\-yy;@", "yyyy\\-mm\\-dd"])
def test_a_date_without_a_time_in_its_format_is_a_day(code):
    made = Workbook()
    made.active.append(HEADER)
    made.active.append(["A", "B", datetime(2026, 11, 2)])
    made.active["C2"].number_format = code
    assert value(saved(made)) == "2026-11-02"


def test_a_truth_value_is_shown_as_excel_does_with_a_doubt():
    assert marks(workbook([True, "B", False])) == [("TRUE", None, "truth_value"), ("FALSE", None, "truth_value")]


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!"])
def test_an_error_is_a_fault_with_the_name_of_its_cell(error):
    assert marks(workbook(["A", "B", "X"], ["A", error, "Y"])) == [
        (error, f"holds the error {error!r} (cell B3)", None)
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["<f>A1</f>", "<f>A1</f><v/>", "<f>A1</f><v></v>"])
def test_a_formula_without_its_result_is_a_fault_and_no_blank(cell):
    content = raw_workbook([f'<row r="17"><c r="B17">{cell}</c></row>'])
    assert marks(content) == [
        ("", "holds a formula without its result (cell B17); open it in Excel, and save it again", None)
    ]


def test_a_formula_with_its_result_is_the_result():
    cells = '<c t="str"><f>A1</f><v>A</v></c><c><f>1</f><v>7</v></c><c t="str"><f/><v/></c>'
    assert read(raw_workbook([f'<row r="2">{cells}</row>'])) == [(2, ["A", "7", ""])]


def test_the_first_sheet_that_is_not_hidden_is_read_and_said():
    made = load_workbook(
        io.BytesIO(workbook(["A", "B", "X"], header=["lookup"], sheet="Lists", Stores=[HEADER, ["C", "D", "Y"]]))
    )
    made["Lists"].sheet_state = "hidden"
    content = saved(made)
    assert read(content) == [(2, ["C", "D", "Y"])]
    with open_table(io.BytesIO(content), COLUMNS) as table:
        assert table.read_as == "the sheet 'Stores', one of 2"
    assert "the header lacks" in refusal(content, sheet="Lists")


@pytest.mark.parametrize("name", ["Stores", "stores", " STORES "])
def test_a_sheet_is_found_by_its_name(name):
    content = workbook(header=["Read me"], sheet="Notes", Stores=[HEADER, ["C", "D", "Y"]])
    assert read(content, sheet=name) == [(2, ["C", "D", "Y"])]
    assert refusal(content) == (
        "line 1: the header lacks AreaCode, StoreName, StoreID; it names 'Read me'; "
        "another sheet can be named with --sheet: 'Stores'."
    )


def test_a_hidden_sheet_is_read_where_it_is_named_and_where_there_is_no_other():
    made = load_workbook(io.BytesIO(workbook(["A", "B", "X"], Other=[["x"]])))
    made["Stores"].sheet_state = "veryHidden"
    content = saved(made)
    assert read(content, sheet="Stores") == [(2, ["A", "B", "X"])]
    with open_table(io.BytesIO(content), COLUMNS, sheet="Stores") as table:
        assert table.read_as == "the sheet 'Stores', one of 2 (hidden)"


def test_an_unknown_sheet_is_refused_with_the_names_there_are():
    content = workbook(**{f"Sheet {n}": [[n]] for n in range(25)})
    assert refusal(content, sheet="Shops") == (
        "the file has no sheet 'Shops'; it has 'Stores', "
        + ", ".join(f"'Sheet {n}'" for n in range(19))
        + " and 6 more."
    )  # fmt: skip
    assert refusal(b"AreaCode,StoreName,StoreID\n", sheet="Shops") == (
        "the file is no workbook, so that it has no sheets; name none with --sheet."
    )


def test_charts_are_no_sheets():
    made = load_workbook(io.BytesIO(workbook(["A", "B", "X"])))
    made.create_chartsheet("Chart", 0)
    assert read(saved(made)) == [(2, ["A", "B", "X"])]


def test_a_workbook_without_columns_or_rows_is_refused_as_any_table():
    assert refusal(saved(Workbook())) == "the file is empty; the first line must be AreaCode,StoreName,StoreID."
    assert refusal(workbook(header=["AreaCode"])) == "line 1: the header lacks StoreName, StoreID; it names 'AreaCode'."


def test_a_strict_workbook_is_named():
    main, package = (
        "http://purl.oclc.org/ooxml/spreadsheetml/main",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    )
    sheets = '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    book = f'<workbook xmlns="{main}" xmlns:r="{package}">{sheets}</workbook>'
    assert refusal(raw_workbook(parts={"xl/workbook.xml": book})) == (
        "the file is saved as Strict Open XML Spreadsheet; open it in Excel, and save it as Excel Workbook (.xlsx)."
    )


@pytest.mark.parametrize(
    ("place", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16383, "XFD")]
)
def test_columns_have_excels_letters(place, letters):
    assert letters_of(place) == letters


def test_other_sheets_are_named_whatever_they_are_called():
    content = workbook(header=["a", "b", "c"], **{"{sheet}": [], "{0} }": []})
    assert refusal(content).endswith("another sheet can be named with --sheet: '{sheet}', '{0} }'.")


@pytest.mark.parametrize("number", [10_000_000, 8901234567890, -1, -0.5, -43_000])
def test_a_number_that_its_format_cannot_show_as_a_date_is_a_fault_of_its_cell_alone(number):
    made = load_workbook(io.BytesIO(workbook(["A", "B", "X1", number], [number, "B", "X2"], header=[*HEADER, "Since"])))
    made.active["D2"].number_format = made.active["A3"].number_format = "yyyy-mm-dd"
    assert [(text, "cell D2" in fault or "cell A3" in fault) for text, fault, _ in marks(saved(made))] == [
        (str(number), True)
    ] * 2


@pytest.mark.parametrize(
    "rename", [str.upper, str.title, lambda name: name.replace("/", "\\"), "/{}".format, "\\{}".format]
)
def test_parts_are_found_however_their_names_are_written(rename):
    strings = "".join(f"<si><t>{text}</t></si>" for text in (*HEADER, "X1"))
    row = f'<row r="2">{text_cell("A")}{text_cell("B")}<c t="s"><v>3</v></c></row>'
    content = io.BytesIO()
    with ZipFile(io.BytesIO(raw_workbook([row], strings=strings))) as before, ZipFile(content, "w") as after:
        for name in before.namelist():
            after.writestr(rename(name), before.read(name))
    assert read(content.getvalue()) == [(2, ["A", "B", "X1"])]


def test_a_workbook_into_which_lines_were_pasted_is_named():
    assert refusal(workbook(["A;B;X1"], header=[";".join(HEADER)])) == (
        "line 1: holds all columns in one cell; split them in Excel (Data, Text to Columns), and save it again."
    )


def test_a_document_is_named_however_its_parts_are_written():
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("Word\\Document.xml", "")
    assert "is a Word document" in refusal(content.getvalue())


@pytest.mark.parametrize(("written", "shown"), [("0", "FALSE"), ("false", "FALSE"), ("1", "TRUE"), ("true", "TRUE")])
def test_a_truth_value_is_read_as_xml_writes_it(written, shown):
    row = f'<row r="2">{text_cell("A")}{text_cell("B")}<c t="b"><v>{written}</v></c></row>'
    assert value(raw_workbook([row])) == shown
