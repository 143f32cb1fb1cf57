"""One dense table for tree models: numbers, category codes, counts of sequences' parts, and texts in few dimensions."""

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from columns import Rows


def views_of(config: dict) -> list[list[str] | None]:
    """Which calendar parts each model of a member sees; [None] for all of them.

    Models that place a row in time finely and coarsely err in different ways where test rows lie in periods never seen.
    """
    return list(config.get("date_views") or [None])


class TreeMatrix:
    """`parts` are the calendar parts that are kept, None for all."""

    def __init__(self, config: dict, seed: int, parts: list[str] | None = None) -> None:
        self.config, self.seed, self.parts = config, seed, parts
        self.categorical: list[int] = []
        self.words: dict[str, TfidfVectorizer] = {}
        self.reductions: dict[str, TruncatedSVD] = {}

    def fit(self, rows: Rows) -> np.ndarray:
        for name, texts in rows.texts.items():
            words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=30_000, sublinear_tf=True)
            try:
                found = words.fit_transform(texts)
            except ValueError:  # no word occurs twice
                continue
            size = min(int(self.config["text_dimensions"]), found.shape[1] - 1, found.shape[0] - 1)
            if size >= 2:
                self.words[name] = words
                self.reductions[name] = TruncatedSVD(size, random_state=self.seed).fit(found)
        self.kept = [name for name in rows.numbers.columns if self._wanted(name)]
        small = [size <= int(self.config.get("max_categories", 200)) for size in rows.sizes.values()]
        self.categorical = [len(self.kept) + place for place, few in enumerate(small) if few]
        return self.transform(rows)

    def _wanted(self, name: str) -> bool:
        """Every number but the calendar parts that are left out."""
        if self.parts is None:
            return True
        dates = [date for date in self.config["features_date"] if name.startswith(f"{date}_")]
        return not dates or any(name.removeprefix(f"{date}_") in self.parts for date in dates)

    def transform(self, rows: Rows) -> np.ndarray:
        blocks = [rows.numbers[self.kept].to_numpy(float), rows.categories.to_numpy(float), rows.counts.toarray()]
        for name, words in self.words.items():
            blocks.append(self.reductions[name].transform(words.transform(rows.texts[name])))
        return np.hstack(blocks)
