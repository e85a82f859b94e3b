"""The tables that scikit-learn carries with it."""

import polars as pl

from components.errors import DataError
from components.spec import DATASETS


def dataset(name: str) -> pl.DataFrame:
    """Reads one of scikit-learn's tables.

    Args:
        name: one of `DATASETS`.

    Returns:
        Its features and `target`, classes as the texts of their names.

    Raises:
        DataError: there is no such table.
    """
    if name not in DATASETS:
        msg = f"sklearn://{name} is not there: expected one of {', '.join(DATASETS)}"
        raise DataError(msg)
    from sklearn import datasets

    table = getattr(datasets, f"load_{name}")(as_frame=True)
    rows: pl.DataFrame = pl.from_pandas(table.frame)
    if "target_names" in table and name != "diabetes":
        texts = [str(text) for text in table.target_names]
        labels = pl.Series("target", [texts[i] for i in table.target], dtype=pl.String)
        rows = rows.with_columns(labels)
    return rows
