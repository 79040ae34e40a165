"""Reading rows back by value: is on the portal what a chunk sent there?

When two cells are equal is for `comparing`. Who decides when to read, and from which replica, is
`sending`.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from orchestration.column import Column
from orchestration.duck import connect
from orchestration.publishing.chunks import Chunk
from orchestration.publishing.comparing import differing_keys, read_digests
from orchestration.publishing.transport import Transport
from orchestration.publishing.transport.reading import RowReader
from orchestration.state.chunks import ChunkKind


def keys_unlike(
    transport: Transport, portal_id: str, columns: Sequence[Column], key: str, chunk: Chunk
) -> tuple[Any, ...]:
    """The keys whose rows are not as the chunk has them; for deletions, those still there.

    Raises:
        TransientError: the portal cannot be read.
    """
    is_deletion = chunk.id.kind is ChunkKind.DELETE
    columns = [column for column in columns if column.name == key or not is_deletion]
    pages = transport.rows_by_key(portal_id, columns, key, chunk.keys)
    with connect() as connection, RowReader(columns) as reader:
        read_digests(connection, pages, columns, key, into="held")
        if is_deletion:
            unlike = {
                row_key for (row_key,) in connection.execute("select row_key from held").fetchall()
            }
        else:
            read_digests(connection, [reader.read(chunk.body)], columns, key, into="sent")
            differing = differing_keys(connection, expected="sent", found="held")
            unlike = {*differing["missing"], *differing["changed"]}
        connection.register("chunk", pa.table({"key": chunk.key_values}))
        texts = connection.execute("select key::varchar from chunk").fetchall()
    return tuple(value for value, (text,) in zip(chunk.keys, texts, strict=True) if text in unlike)
