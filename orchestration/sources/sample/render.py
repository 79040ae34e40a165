"""Numbers, times and lines as text, a column at a time.

Formatting a million cells one by one in Python takes minutes; here everything that repeats (days,
minutes of a day) is written once and looked up.
"""

from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]
_EPOCH = date(1970, 1, 1)


def as_text(values: Any, *, style: str = "", keep_zeros: bool = True) -> Any:
    """A field's values as text: ``style`` is ``05`` (zeros in front) or ``.8`` (decimals)."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if style.startswith("."):
        return _decimals(values, int(style[1:]), keep_zeros=keep_zeros)
    if not np.issubdtype(values.dtype, np.integer):
        raise TypeError(f"{values.dtype} has no text of its own: give it a style")
    text = pc.cast(pa.array(values), pa.string())
    return pc.utf8_lpad(text, width=int(style), padding="0") if style else text


def _decimals(values: Array, places: int, *, keep_zeros: bool) -> Any:
    """Fixed decimals; the source drops zeros at the end, as ``-90.0208964`` shows."""
    scaled = np.rint(np.abs(values) * 10**places).astype(np.int64)
    whole, rest = np.divmod(scaled, 10**places)
    tail = as_text(rest, style=str(places))
    if not keep_zeros:
        tail = pc.utf8_rtrim(tail, characters="0")
        tail = pc.if_else(pc.equal(tail, ""), "0", tail)
    sign = pc.if_else(pa.array(values < 0), "-", "")
    head = pc.binary_join_element_wise(sign, pc.cast(pa.array(whole), pa.string()), "")
    return pc.binary_join_element_wise(head, tail, ".")


def time_text(times: Array, style: str) -> Any:
    """Local times in one of the sources' styles; no time gives no text."""
    missing = np.isnat(times)
    seconds = np.where(missing, np.datetime64(0, "s"), times).astype(np.int64)
    day, second = np.divmod(seconds, 86_400)
    first = int(day.min(initial=0)) if missing.all() else int(day[~missing].min())
    day = np.where(missing, first, day)
    days = _days(first, int(day.max(initial=first)), style).take(pa.array(day - first))
    if style == "us_date":
        text = days
    elif style == "us_minutes":
        text = pc.binary_join_element_wise(days, _minutes().take(pa.array(second // 60)), " ")
    else:
        text = pc.binary_join_element_wise(days, _seconds(style).take(pa.array(second)), "T")
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)


def _days(first: int, last: int, style: str) -> Any:
    days = [_EPOCH + timedelta(days=number) for number in range(first, last + 1)]
    if style == "us_minutes":
        return pa.array([f"{day.month}/{day.day}/{day.year}" for day in days])
    if style == "us_date":
        return pa.array([f"{day:%m/%d/%Y}" for day in days])
    return pa.array([day.isoformat() for day in days])


@cache
def _minutes() -> Any:
    return pa.array([f"{minute // 60}:{minute % 60:02}" for minute in range(1440)])


@cache
def _seconds(style: str) -> Any:
    tail = ".000" if style == "iso_millis" else ""
    return pa.array(
        [
            f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{tail}"
            for second in range(86_400)
        ]
    )


def quoted(text: Any) -> Any:
    """A column's cells as CSV wants them: quotes only where there is need, nothing for null."""
    text = pc.fill_null(text, "")
    needs = pc.match_substring_regex(text, '[",\r\n]')
    if not pc.any(needs).as_py():
        return text
    inner = pc.replace_substring(text, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', inner, '"', ""), text)


def csv_lines(columns: list[Any]) -> Any:
    """One text per row, with its line end."""
    *head, tail = (quoted(column) for column in columns)
    ended = pc.binary_join_element_wise(tail, "\n", "")
    return pc.binary_join_element_wise(*head, ended, ",") if head else ended


def bytes_of(lines: Any) -> memoryview:
    """All texts of an array behind each other, without a copy."""
    if len(lines) == 0:
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])]
