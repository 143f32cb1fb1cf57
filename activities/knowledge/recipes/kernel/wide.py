"""Scaled numbers for kernels, with categories as columns and texts in few dimensions; counts stay as they are."""

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from columns import Rows


class WideNumbers:
    def __init__(self, config: dict) -> None:
        self.config = config

    def fit(self, rows: Rows) -> tuple[np.ndarray, sparse.csr_matrix]:
        self.texts = {}
        for name, texts in rows.texts.items():
            found = TfidfVectorizer(
                analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=20_000, sublinear_tf=True
            )
            try:
                table = found.fit_transform(texts)
            except ValueError:  # nothing occurs twice
                continue
            size = min(int(self.config["text_dimensions"]), min(table.shape) - 1)
            if size >= 2:
                self.texts[name] = (found, TruncatedSVD(size, random_state=0).fit(table))
        values = self._plain(rows)
        with np.errstate(all="ignore"):
            self.medians = np.nan_to_num(np.nanmedian(values, axis=0)) if values.shape[1] else np.zeros(0)
        filled = np.where(np.isnan(values), self.medians, values)
        self.low, self.high = np.quantile(filled, [0.002, 0.998], axis=0) if filled.shape[1] else (0, 0)
        clipped = np.clip(filled, self.low, self.high)
        self.kept = np.flatnonzero(clipped.std(axis=0) > 1e-9)
        self.mean, self.spread = clipped[:, self.kept].mean(axis=0), clipped[:, self.kept].std(axis=0)
        return self.transform(rows)

    def transform(self, rows: Rows) -> tuple[np.ndarray, sparse.csr_matrix]:
        values = self._plain(rows)
        filled = np.clip(np.where(np.isnan(values), self.medians, values), self.low, self.high)
        return (filled[:, self.kept] - self.mean) / self.spread, rows.counts

    def _plain(self, rows: Rows) -> np.ndarray:
        blocks = [rows.numbers.to_numpy(float), rows.waves.to_numpy(float)]
        for name, size in rows.sizes.items():
            blocks.append(np.eye(size)[rows.categories[name].to_numpy()][:, : int(self.config["categories_max"])])
        blocks += [svd.transform(words.transform(rows.texts[name])) for name, (words, svd) in self.texts.items()]
        return np.hstack(blocks)
