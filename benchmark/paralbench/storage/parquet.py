"""Parquet that lies in memory."""

import pyarrow as pa
import pyarrow.parquet as pq


def table_in(data: bytes, schema: pa.Schema | None = None) -> pa.Table:
    """The table of a Parquet file's bytes, read in the calling thread.

    One of Arrow's own threads may still hold the bytes when Python ends, which aborts the process
    (https://github.com/apache/arrow/issues/33975).

    Raises:
        ArrowException, OSError: it is damaged, or has other columns than the schema.
    """
    return pq.read_table(pa.BufferReader(data), schema=schema, use_threads=False, pre_buffer=False)
