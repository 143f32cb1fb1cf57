"""One dense table for tree models: numbers, category codes, counts of sequences' parts, and texts in few dimensions."""

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from columns import Rows


class TreeMatrix:
    def __init__(self, config: dict, seed: int) -> None:
        self.config, self.seed = config, seed
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
            size = min(int(self.config.get("text_dimensions", 50)), found.shape[1] - 1, found.shape[0] - 1)
            if size >= 2:
                self.words[name] = words
                self.reductions[name] = TruncatedSVD(size, random_state=self.seed).fit(found)
        first = rows.numbers.shape[1]
        small = [size <= int(self.config.get("max_categories", 200)) for size in rows.sizes.values()]
        self.categorical = [first + place for place, few in enumerate(small) if few]
        return self.transform(rows)

    def transform(self, rows: Rows) -> np.ndarray:
        blocks = [rows.numbers.to_numpy(float), rows.categories.to_numpy(float), rows.counts.toarray()]
        for name, words in self.words.items():
            blocks.append(self.reductions[name].transform(words.transform(rows.texts[name])))
        return np.hstack(blocks)
