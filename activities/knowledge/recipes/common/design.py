"""One wide sparse matrix for linear models: scaled numbers with bends, categories, words and characters."""

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import SplineTransformer, StandardScaler

from columns import Rows


class Design:
    """Fitted on training rows: medians and scales, spline knots, vocabularies."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.vectorizers: list[tuple[str, TfidfVectorizer, float]] = []

    def fit(self, rows: Rows) -> sparse.csr_matrix:
        values = rows.numbers.to_numpy(float)
        self.medians = np.nan_to_num(np.nanmedian(values, axis=0)) if len(rows) else np.zeros(values.shape[1])
        self.holes = np.flatnonzero(np.isnan(values).any(axis=0))
        filled = np.where(np.isnan(values), self.medians, values)
        self.varied = np.flatnonzero(filled.std(axis=0) > 1e-12)
        self.low, self.high = np.quantile(filled[:, self.varied], [0.001, 0.999], axis=0)
        self.scaler = StandardScaler().fit(self._clipped(filled)) if len(self.varied) else None
        knots = int(self.config.get("spline_knots", 0))
        self.splines = None
        if knots and self.scaler is not None:
            scaled = self.scaler.transform(self._clipped(filled))
            self.splines = SplineTransformer(knots, degree=3, knots="quantile", extrapolation="constant").fit(scaled)
        self.count_scale = np.sqrt(np.asarray(rows.counts.power(2).mean(axis=0)).ravel() + 1e-12)
        self._fit_texts(rows)
        return self.transform(rows)

    def _fit_texts(self, rows: Rows) -> None:
        most = int(self.config.get("text_features", 100_000))
        for name, texts in rows.texts.items():
            for analyzer, spread in (("word", self.config["word_ngrams"]), ("char_wb", self.config["char_ngrams"])):
                if not spread:
                    continue
                found = TfidfVectorizer(
                    analyzer=analyzer, ngram_range=tuple(spread), min_df=int(self.config.get("text_min_rows", 1)),
                    max_features=most, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b",
                )  # fmt: skip
                try:
                    self.vectorizers.append((name, found.fit(texts), 1.0))
                except ValueError:  # nothing but empty strings
                    continue

    def _clipped(self, filled: np.ndarray) -> np.ndarray:
        return np.clip(filled[:, self.varied], self.low, self.high)

    def transform(self, rows: Rows) -> sparse.csr_matrix:
        values = rows.numbers.to_numpy(float)
        filled = np.where(np.isnan(values), self.medians, values)
        blocks = [sparse.csr_matrix((len(rows), 0))]
        if self.scaler is not None:
            scaled = self.scaler.transform(self._clipped(filled))
            blocks.append(sparse.csr_matrix(scaled * float(self.config.get("number_scale", 1.0))))
            if self.splines is not None:
                blocks.append(sparse.csr_matrix(self.splines.transform(scaled)))
        if len(self.holes):
            blocks.append(sparse.csr_matrix(np.isnan(values[:, self.holes]).astype(float)))
        blocks.append(sparse.csr_matrix(rows.waves.to_numpy(float)))
        for name, size in rows.sizes.items():
            codes = rows.categories[name].to_numpy()
            ones = (np.ones(len(rows)), (np.arange(len(rows)), codes))
            blocks.append(sparse.csr_matrix(ones, shape=(len(rows), size)))
        if rows.counts.shape[1]:
            blocks.append(sparse.csr_matrix(rows.counts.multiply(1 / self.count_scale)) * 0.3)
        blocks += [vectorizer.transform(rows.texts[name]) * weight for name, vectorizer, weight in self.vectorizers]
        return sparse.hstack(blocks, format="csr")
