"""Tables as people send and take them: a CSV file or an Excel workbook in, rows of text out; and CSV written.

::

    table.py       the header by name, rows that are skipped, rows that do not fit
     ├── text.py        CSV: encoding, separator, lines
     ├── workbook.py    .xlsx and .xlsm: the parts, the sheet
     │    ├── archive.py     the ZIP archive, within bounds
     │    ├── streams.py     its XML, element by element, within bounds
     │    └── values.py      what a cell shows, as text
     └── kinds.py       what a file is that is neither, by its first bytes
    cells.py       invisible characters; what a spreadsheet made of an id
    doubts.py      cells that can be taken and are probably not as meant, counted by column and cause
    csv_files.py   CSV as it is written for spreadsheets
    errors.py      why a file cannot be read, in the words of the place where it was given

Store masters and visits are read by it, whichever way they come. Nothing here knows Django, the database or what the
columns mean.
"""
