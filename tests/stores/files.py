"""Small store masters in memory."""

from io import BytesIO

HEADER = "AreaCode,StoreName,StoreID"


def store_file(*rows: str, header: str = HEADER, encoding: str = "utf-8", end: str = "\n") -> BytesIO:
    return BytesIO("".join(line + end for line in (header, *rows)).encode(encoding))
