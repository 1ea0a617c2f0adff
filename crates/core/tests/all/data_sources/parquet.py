"""Makes the tables in `tables` as people do: pandas 3.1.1 with pyarrow 26.0.1; `python parquet.py tables`."""

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

folder = sys.argv[1]
table = pd.DataFrame({
    "x": np.array([0.5, -1.25, 3.0, 1e-3, 7.0]),
    "single": np.array([1.5, 2.5, -3.5, 0.25, 8.0], dtype=np.float32),
    "half": np.array([0.5, 1.0, -2.0, 65504.0, 0.0], dtype=np.float16),
    "signed": np.array([-128, 127, 0, 1, -1], dtype=np.int8),
    "unsigned": np.array([0, 2**32 - 1, 2**31, 1, 2], dtype=np.uint32),
    "large": np.array([2**53, 2**63, 2**10, 0, 1], dtype=np.uint64),
    "flag": np.array([True, False, True, True, False]),
    "species": pd.Categorical(["b", "a", "b", "c", "a"]),
    "text": ["1", "2", "1", "2", "1"],
    "y": np.array([1, -1, 1, 1, -1], dtype=np.int64),
})
table.to_parquet(f"{folder}/snappy.parquet", engine="pyarrow", row_group_size=2)
table.to_parquet(f"{folder}/gzip.parquet", engine="pyarrow", compression="gzip")
table[["x", "y"]].to_parquet(f"{folder}/zstd.parquet", engine="pyarrow", compression="zstd")
hard = pa.table({
    "x": pa.array([1.0, 2.0, 3.0]),
    "gap": pa.array([1.0, None, 3.0]),
    "nan": pa.array([1.0, 2.0, float("nan")]),
    "odd": pa.array([1, 2**53 + 1, 3]),
    "list": pa.array([[1.0], [2.0, 3.0], []]),
    "struct": pa.array([{"a": 1}, {"a": 2}, {"a": 3}]),
    "day": pa.array([1, 2, 3], pa.date32()),
    "money": pa.array(["1.50", "2.50", "3.50"]).cast(pa.decimal128(5, 2)),
    "bytes": pa.array([b"a", b"b", b"c"]),
    "text": pa.array(["u", "v", None]),
    "y": pa.array([1.0, -1.0, 1.0]),
})
pq.write_table(hard, f"{folder}/hard.parquet")
