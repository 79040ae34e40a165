# ruff: noqa: E501 - a bomb a line
"""Files that are small and become large, or that are damaged: each as bytes, at any size.

A bomb says how large it gets by `size`, in megabytes: a test of readers asks for few, with bounds to
match; the campaign for more than any bound leaves room for. Made without ever being held unpacked.
"""

import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.sources.workbooks import rezipped, workbook

MB = 1_000_000
Headings = Sequence[str]
Bomb = Callable[[Headings, int], bytes]
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


# Packed without being held


def packed(start: bytes, block: bytes, size: int, end: bytes = b"") -> bytes:
    """Gzip of the start, the block until there are so many megabytes, and the end."""
    many = max(1, MB // len(block))
    times = max(1, size * MB // (len(block) * many))
    member = gzip.compress(block * many, 9, mtime=0)
    return gzip.compress(start, mtime=0) + member * times + gzip.compress(end, mtime=0)


def deflated(start: bytes, block: bytes, size: int, end: bytes) -> tuple[bytes, int, int]:
    """The same as a part of a zip: its bytes, its checksum and its size."""
    many = max(1, MB // len(block))
    times = max(1, size * MB // (len(block) * many))
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = press.compress(start) + press.flush(zlib.Z_FULL_FLUSH)
    # Behind a full flush nothing refers to what was before, so the same bytes may stand again.
    body = press.compress(block * many) + press.flush(zlib.Z_FULL_FLUSH)
    tail = press.compress(end) + press.flush()
    checksum = zlib.crc32(start)
    for _ in range(times):
        checksum = zlib.crc32(block * many, checksum)
    checksum = zlib.crc32(end, checksum)
    length = len(start) + len(block) * many * times + len(end)
    return head + body * times + tail, checksum, length


def with_part(
    name: str, start: bytes, block: bytes, size: int, end: bytes = b"", *, says: int | None = None
) -> bytes:
    """A workbook whose part is that large, or says that it is of another size."""
    base = zipfile.ZipFile(io.BytesIO(workbook([["a", "b"], [1, "x"]])))
    out, directory = io.BytesIO(), b""
    parts = {one: base.read(one) for one in base.namelist() if one != name}
    types = parts["[Content_Types].xml"]
    if name == STRINGS and b"sharedStrings" not in types:
        kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
        added = b'<Override PartName="/%b" ContentType="%b"/></Types>' % (name.encode(), kind)
        parts["[Content_Types].xml"] = types.replace(b"</Types>", added)
    made = {
        one: (zlib.compress(content)[2:-4], zlib.crc32(content), len(content))
        for one, content in parts.items()
    }
    made[name] = deflated(start, block, size, end)
    for one, (content, checksum, length) in made.items():
        told = says if says is not None and one == name else length
        sizes = struct.pack("<III", checksum, len(content), told)
        places = struct.pack("<HH", len(one), 0)
        offset = out.tell()
        method = struct.pack("<HHHHH", 20, 0, 8, 0, 33)
        out.write(b"PK\x03\x04" + method + sizes + places + one.encode() + content)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + method + sizes + places
        directory += struct.pack("<HHHII", 0, 0, 0, 0, offset) + one.encode()
    begin = out.tell()
    count = len(made)
    end_record = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), begin, 0)
    return out.getvalue() + directory + b"PK\x05\x06" + end_record


def _sheet(headings: Headings, rows: bytes = b"", behind: bytes = b"") -> bytes:
    return _sheet_start(headings) + rows + b"</sheetData>" + behind + b"</worksheet>"


def _sheet_start(headings: Headings) -> bytes:
    cells = b"".join(b'<c t="inlineStr"><is><t>%b</t></is></c>' % one.encode() for one in headings)
    return b"<worksheet %b><sheetData><row>%b</row>" % (MAIN, cells)


def _replaced(part: str, content: bytes) -> bytes:
    made = workbook([["a"], ["x"]])
    return rezipped(made, lambda name, old: content if name == part else old)


def _in_sheet(block: bytes, start: bytes = b"", end: bytes = b"") -> Bomb:
    def make(headings: Headings, size: int) -> bytes:
        close = end + b"</sheetData></worksheet>"
        return with_part(SHEET, _sheet_start(headings) + start, block, size, close)

    return make


# Text


def _line(headings: Headings) -> bytes:
    return ",".join(headings).encode() + b"\n"


def _csv(block: bytes, start: bytes = b"", end: bytes = b"") -> Bomb:
    return lambda headings, size: packed(_line(headings) + start, block, size, end)


def _text(content: bytes) -> Bomb:
    return lambda headings, size: _line(headings) + content


def _named(names: Sequence[str]) -> Bomb:
    def make(headings: Headings, size: int) -> bytes:
        quoted = ['"' + name.replace('"', '""') + '"' for name in (*headings, *names)]
        head = ",".join(quoted).encode("utf-8", "surrogatepass") + b"\n"
        return head + (b",".join([b"1"] * len(quoted)) + b"\n") * 3

    return make


def _json(value: object) -> Bomb:
    return lambda headings, size: json.dumps(value).encode()


def _cell(cell: bytes) -> Bomb:
    return lambda headings, size: b'[{"%b": %b}]' % (headings[0].encode(), cell)


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": ["x"] * 1_000}), out)
    return out.getvalue()


def _nested_zip(depth: int) -> bytes:
    content = b"0" * MB
    for _ in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside.zip", content)
        content = out.getvalue()
    return content


def _many_sheets() -> bytes:
    sheets = b"".join(
        b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(1, 5_000)
    )
    made = b'<workbook %b xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/' % MAIN
    return _replaced(
        "xl/workbook.xml", made + b'relationships"><sheets>%b</sheets></workbook>' % sheets
    )


def _twice() -> bytes:
    out = io.BytesIO(workbook([["a"], ["x"]]))
    with zipfile.ZipFile(out, "a") as archive:
        archive.filelist[0].filename = archive.filelist[1].filename
        archive.writestr("more", b"x")
    return out.getvalue()


_ENTITIES = b"".join(
    b'<!ENTITY e%d "%b">' % (n, (b"&e%d;" % (n - 1)) * 10 if n else b"ha" * 9) for n in range(10)
)


def _in_utf16(content: bytes) -> bytes:
    return (b"<!DOCTYPE w [" + _ENTITIES + b"]>" + content).decode().encode("utf-16")


_RANDOM = random.Random(13).randbytes(200_000)
_KEYWORDS = (
    "select",
    "from",
    "order",
    "group by 1",
    "null",
    "true",
    "x in 24",
    "x",
    "x",
    "X",
)

BOMBS: dict[str, tuple[str, Bomb]] = {
    # Text that unpacks to much
    "one line of zeros": ("a.csv.gz", _csv(b"0" * 1_000)),
    "no line at all": ("a.csv.gz", lambda h, size: packed(b"", b"x" * 1_000, size)),
    "one row again and again": ("a.csv.gz", lambda h, size: packed(_line(h), b"1," * (len(h) - 1) + b"1\n", size)),
    "rows of nothing": ("a.csv.gz", lambda h, size: packed(_line(h), b"," * (len(h) - 1) + b"\n", size)),
    "tiny ragged rows": ("a.csv.gz", _csv(b",\n")),
    "blank lines": ("a.csv.gz", _csv(b"\n")),
    "carriage returns": ("a.csv.gz", _csv(b"\r")),
    "quotes": ("a.csv.gz", _csv(b'"')),
    "quote never closed": ("a.csv.gz", _csv(b"1,2,3\n", start=b'"')),
    "quote closed at the end": ("a.csv.gz", _csv(b"1,2,3\n", start=b'"', end=b'"\n')),
    "delimiters": ("a.csv.gz", _csv(b",")),
    "NULs": ("a.csv.gz", _csv(b"\0" * 1_000)),
    "NULs alone": ("a.csv.gz", lambda h, size: packed(b"", b"\0" * 1_000, size)),
    "blanks": ("a.csv.gz", lambda h, size: packed(b"", b" " * 1_000, size)),
    "tabs": ("a.tsv.gz", _csv(b"\t")),
    "long rows": ("a.csv.gz", _csv(b"1," + b"x" * 60_000 + b"\n")),
    "empty gzip members": ("a.csv.gz", lambda h, size: gzip.compress(_line(h)) + gzip.compress(b"") * 50_000),
    "gzip of gzip": ("a.csv.gz", lambda h, size: gzip.compress(packed(b"", b"0" * 1_000, size))),
    # Headings
    "50,000 headings": ("a.csv", lambda h, size: _line([*h, *(f"c{n}" for n in range(50_000))]) + b"1\n"),
    "50,000 headings alike": ("a.csv", lambda h, size: _line([*h, *["x"] * 50_000]) + b"1\n"),
    "50,000 headings of nothing": ("a.csv", lambda h, size: _line([*h, *[""] * 50_000]) + b"1\n"),
    "2,000 headings": ("a.csv", lambda h, size: _line([*h, *(f"c{n}" for n in range(1_900))]) + b"1\n"),
    "headings that make up one another": ("a.csv", _named(("x in 24", "x in 25", "x in 26", "x", "x", "x"))),
    "headings of SQL": ("a.csv", _named((*_KEYWORDS, 'a"b', "a'b", "[a]", "a;b", "a\nb", "{a}", "--", "/*", "$1"))),
    "headings of dirt": ("a.csv", _named(("\u202ex", "\x1b[31m", "😀" * 40, "é" * 190, "%s", "\\", "_line", "unnamed_3"))),
    "a heading of 1,000 signs": ("a.csv", _named(("y" * 1_000,))),
    "thousands of marks": ("a.csv", lambda h, size: "".join(map(chr, range(0x2000, 0x9000))).encode() + b"\n1\n"),
    # Encodings
    "UTF-16": ("a.csv", lambda h, size: (_line(h).decode() + "1\n").encode("utf-16")),
    "UTF-16 without its mark": ("a.csv", lambda h, size: (_line(h).decode() + "1\n").encode("utf-16-le")),
    "UTF-32": ("a.csv", lambda h, size: (_line(h).decode() + "1\n").encode("utf-32")),
    "three marks": ("a.csv", lambda h, size: b"\xef\xbb\xbf" * 3 + _line(h) + b"1\n"),
    "encodings mixed": ("a.csv", _text("é\n".encode() * 99 + "é\n".encode("latin-1"))),
    "overlong": ("a.csv", _text(b"\xc0\xaf\xed\xa0\x80\n")),
    "NULs in cells": ("a.csv", lambda h, size: _line(h) + b"\0,".join([b"1"] * len(h)) + b"\n"),
    # Not what the name says
    "Parquet": ("a.parquet", lambda h, size: _parquet()),
    "Parquet cut off": ("a.parquet", lambda h, size: _parquet()[:-300]),
    "Parquet as CSV": ("a.csv", lambda h, size: _parquet()),
    "chance": ("a.csv", lambda h, size: _RANDOM),
    "chance as JSON": ("a.json", lambda h, size: _RANDOM),
    "chance as a workbook": ("a.xlsx", lambda h, size: b"PK\x03\x04" + _RANDOM),
    "chance as gzip": ("a.csv.gz", lambda h, size: b"\x1f\x8b\x08" + _RANDOM),
    "database": ("a.csv", lambda h, size: b"SQLite format 3\0" + _RANDOM),
    "web page": ("a.csv", lambda h, size: b"<html>" * 999),
    "gzip cut off": ("a.csv.gz", lambda h, size: packed(_line(h), b"1,2\n", 1)[:-5_00]),
    "gzip and more": ("a.csv.gz", lambda h, size: gzip.compress(_line(h)) + b"more"),
    # JSON
    "deep list": ("a.json", lambda h, size: b"[" * 100_000),
    "deep object": ("a.json.gz", lambda h, size: packed(b"[", b'{"a":', size)),
    "deep in a cell": ("a.json", _cell(b"[" * 900 + b"]" * 900)),
    "deep and never closed": ("a.json.gz", lambda h, size: packed(b'[{"a":', b"[", size)),
    "deep as may be": ("a.json", _cell(b'{"a":' * 90 + b"1" + b"}" * 90)),
    "long text": ("a.json.gz", lambda h, size: packed(b'[{"a":"', b"x", size, b'"}]')),
    "long number": ("a.json.gz", lambda h, size: packed(b'[{"a":', b"7", size, b"}]")),
    "one object": ("a.json.gz", lambda h, size: packed(b'{"a":[', b"1,", size, b"1]}")),
    "one row": ("a.json.gz", lambda h, size: packed(b"[{", b'"a":1,', size, b'"b":1}]')),
    "lists in a cell": ("a.json.gz", lambda h, size: packed(b'[{"a":[', b"[],", size, b"1]}]")),
    "empty rows": ("a.json.gz", lambda h, size: packed(b"[", b"{},", size, b"{}]")),
    "rows of a key": ("a.json.gz", lambda h, size: packed(b"[", b'{"%b":1},' % h[0].encode(), size, b"{}]")),
    "a new key in each row": ("a.json", lambda h, size: json.dumps([{f"k{n}": n} for n in range(60_000)]).encode()),
    "a million keys": ("a.json", lambda h, size: json.dumps([{f"k{n}": n for n in range(500_000)}]).encode()),
    "numbers beyond all": ("a.json", _cell(b"1e999999999, " b'"b": -Infinity, "c": NaN')),
    "half characters": ("a.json", _cell(b'"\\ud83d\\u0000\\udfff"')),
    "keys alike": ("a.json", lambda h, size: b'[{"a":1,"a":2,"A":3,"[/red]":4,"x in 24":5,"x":6}]'),
    "blanks for JSON": ("a.json.gz", lambda h, size: packed(b"", b" " * 999 + b"\n", size)),
    "JSON cut off": ("a.json.gz", lambda h, size: packed(b"[", b'{"a":1},', 1)),
    "two documents": ("a.json", lambda h, size: b'[{"a":1}][{"a":2}]'),
    "lists of lists": ("a.json", _json([[1], [2]])),
    # Workbooks
    "zeros for a sheet": ("a.xlsx", lambda h, size: with_part(SHEET, b"", b"0", size)),
    "a text of a cell": ("a.xlsx", _in_sheet(b"x", b"<row><c><v>", b"</v></c></row>")),
    "16,000 columns": ("a.xlsx", _in_sheet(b"<row>" + b"<c><v>1</v></c>" * 16_000 + b"</row>")),
    "one row of cells": ("a.xlsx", _in_sheet(b'<c r="A2"/>', b"<row>", b"</row>")),
    "rows without cells": ("a.xlsx", _in_sheet(b"<row/>")),
    "cells without rows": ("a.xlsx", _in_sheet(b"<c/>")),
    "elements beside the rows": ("a.xlsx", _in_sheet(b'<j a="1"/>')),
    "texts in pieces": ("a.xlsx", _in_sheet(b"x" * 9_000 + b"<b/>", b"<row><c><v>", b"</v></c></row>")),
    "XML that nests": ("a.xlsx", _in_sheet(b"<a>")),
    "comments": ("a.xlsx", _in_sheet(b"<!-- x -->")),
    "shared texts": ("a.xlsx", lambda h, size: with_part(STRINGS, b"<sst %b>" % MAIN, b"<si><t/></si>", size, b"</sst>")),
    "a shared text": ("a.xlsx", lambda h, size: with_part(STRINGS, b"<sst %b><si><t>" % MAIN, b"x", size, b"</t></si></sst>")),
    "texts of 30,000": ("a.xlsx", lambda h, size: with_part(STRINGS, b"<sst %b>" % MAIN, b"<si><t>" + b"x" * 30_000 + b"</t></si>", size, b"</sst>")),
    "styles": ("a.xlsx", lambda h, size: with_part("xl/styles.xml", b"<styleSheet %b><cellXfs>" % MAIN, b"<xf/>", size, b"</cellXfs></styleSheet>")),
    "names": ("a.xlsx", lambda h, size: with_part("xl/workbook.xml", b"<workbook %b><definedNames>" % MAIN, b'<definedName name="a">1</definedName>', size, b"</definedNames></workbook>")),
    "a part that lies": ("a.xlsx", lambda h, size: with_part(SHEET, _sheet_start(h), b"<row/>", size, says=1_000)),
    "entities": ("a.xlsx", lambda h, size: _replaced(SHEET, b"<!DOCTYPE w [" + _ENTITIES + b"]>" + _sheet(h, b"<row><c><v>&e9;</v></c></row>"))),
    "entities in UTF-16": ("a.xlsx", lambda h, size: with_part(STRINGS, _in_utf16(b"<sst %b><si><t>&e9;</t></si></sst>" % MAIN), b" \0", 1)),
    "entities in UTF-16 without its mark": ("a.xlsx", lambda h, size: _replaced(SHEET, _in_utf16(_sheet(h, b"<row><c><v>&e9;</v></c></row>"))[2:])),
    "entities of a list of parts": ("a.xlsx", lambda h, size: _replaced("xl/_rels/workbook.xml.rels", _in_utf16(b"<r>&e9;</r>"))),
    "an entity from elsewhere": ("a.xlsx", lambda h, size: _replaced(SHEET, b'<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _sheet(h, b"<row><c><v>&e;</v></c></row>"))),
    "5,000 sheets of one part": ("a.xlsx", lambda h, size: _many_sheets()),
    "a part twice": ("a.xlsx", lambda h, size: _twice()),
    "workbook cut off": ("a.xlsx", lambda h, size: workbook([list(h), ["x"]])[:-900]),
    "zips in zips": ("a.xlsx", lambda h, size: _nested_zip(5)),
    "an .xls": ("a.xls", lambda h, size: b"\xd0\xcf\x11\xe0" + _RANDOM),
    "an .xls renamed": ("a.xlsx", lambda h, size: b"\xd0\xcf\x11\xe0" + _RANDOM),
    "an .ods renamed": ("a.xlsx", lambda h, size: rezipped(workbook([["a"]]), lambda n, p: p, more="content.xml")),
    "an .xlsb renamed": ("a.xlsx", lambda h, size: rezipped(workbook([["a"]]), lambda n, p: p, more="xl/workbook.bin")),
    "merged cells": ("a.xlsx", lambda h, size: _replaced(SHEET, _sheet(h, b"<row><c><v>1</v></c></row>", b"<mergeCells>" + b'<mergeCell ref="A1:XFD1048576"/>' * 60_000 + b"</mergeCells>"))),
    "the last column": ("a.xlsx", lambda h, size: _replaced(SHEET, _sheet(h, b'<row><c r="ZZZ2"><v>1</v></c><c r="XFE1"><v>1</v></c></row>'))),
    "a row of 10^18": ("a.xlsx", lambda h, size: _replaced(SHEET, _sheet(h, b'<row r="1000000000000000000"><c><v>1</v></c></row>'))),
    "numbers of a workbook": ("a.xlsx", lambda h, size: _replaced(SHEET, _sheet(h, b"<row><c><v>1e999</v></c><c><v>" + b"9" * 9_000 + b'</v></c><c t="s"><v>-7</v></c></row>'))),
}  # fmt: skip
