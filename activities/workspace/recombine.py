"""Rows that nobody has seen: halves of the rows to predict, put together anew.

What holds predictions in place of a model, by ids or by features, knows none of them; a model predicts them as any
others. Columns that say something together mostly stand side by side, so a row stays one that could be.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.workspace.predictions import Predictions
from activities.workspace.tables import Table

LEAST, MOST = 20, 200  # rows; of fewer, equal predictions say nothing
FREQUENT = 0.75  # a prediction that so many rows have could well be that of all others


def recombined(table: Table, features: Sequence[str], random: np.random.Generator) -> Table | None:
    """Rows with the later half of their features from another row, the id aside; None where too few of them are new."""
    if len(features) < 2:
        return None
    rows = table.rows.iloc[random.permutation(len(table.rows))[:MOST]].reset_index(drop=True)
    later = features[len(features) // 2 :]
    others = np.roll(rows.index.to_numpy(), 1)
    made = rows.assign(**{name: rows[name].iloc[others].set_axis(rows.index) for name in later})
    seen = _told_apart(made, features).isin(_told_apart(table.rows, features))
    new = made.loc[~seen].reset_index(drop=True)
    return Table(table.name, new, table.format) if len(new) >= LEAST else None


def remembered(before: Predictions, after: Predictions) -> str | None:
    """What betrays that rows unlike those of `before` were given one answer for all, in words."""
    varied = [name for name, values in before.by_target.items() if _most_frequent(values) < FREQUENT]
    if not varied or any(_most_frequent(after.by_target[name]) < 1 for name in varied):
        return None
    return (
        f"all {len(after.ids)} rows of new combinations of values have the same prediction, while those of the rows "
        "to predict differ: inference must predict from the features, by the model, and look nothing up"
    )


def _told_apart(rows: pd.DataFrame, features: Sequence[str]) -> "pd.Series[int]":
    """A number for each row by the text of its features; Parquet has values that have no hash."""
    return pd.util.hash_pandas_object(rows[list(features)].astype(str), index=False)


def _most_frequent(values: NDArray[np.generic]) -> float:
    """The share of rows with the prediction that most of them have."""
    return float(np.unique(values, axis=0, return_counts=True)[1].max() / len(values))
