"""One wide sparse matrix for linear models: scaled numbers with bends, few-valued columns and their pairs, texts."""

from itertools import combinations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import SplineTransformer, StandardScaler

from columns import Rows

FEW = 60  # a column with so few values gets an indicator for each
WIDEST = 3000  # indicators of a pair of columns


class Design:
    """Fitted on training rows: medians and scales, spline knots, values, vocabularies."""

    def __init__(self, config: dict) -> None:
        self.config = config

    def fit(self, rows: Rows) -> sparse.csr_matrix:
        values = rows.numbers.to_numpy(float)
        with np.errstate(all="ignore"):
            self.medians = np.array([np.nanmedian(v) if np.isfinite(v).any() else 0.0 for v in values.T])
        self.holes = np.flatnonzero(np.isnan(values).any(axis=0))
        filled = np.where(np.isnan(values), self.medians, values)
        self.varied = np.flatnonzero(filled.std(axis=0) > 1e-12)
        self._fit_numbers(filled)
        self._fit_few(filled, rows)
        self.count_scale = np.sqrt(np.asarray(rows.counts.power(2).mean(axis=0)).ravel() + 1e-12)
        self._fit_texts(rows)
        return self.transform(rows)

    def _fit_numbers(self, filled: np.ndarray) -> None:
        self.scaler = self.splines = None
        if not len(self.varied):
            return
        self.low, self.high = np.quantile(filled[:, self.varied], [0.001, 0.999], axis=0)
        self.scaler = StandardScaler().fit(self._clipped(filled))
        knots = int(self.config["spline_knots"])
        if knots:
            scaled = self.scaler.transform(self._clipped(filled))
            self.splines = SplineTransformer(knots, degree=3, knots="quantile", extrapolation="constant").fit(scaled)

    def _fit_few(self, filled: np.ndarray, rows: Rows) -> None:
        """Columns with few values, and the pairs of them with the fewest combinations."""
        self.few: dict[int, np.ndarray] = {}
        self.pairs: list[tuple[int, int]] = []
        most = int(self.config["crosses"])
        if not most:
            return
        for place in self.varied:
            found = np.unique(filled[:, place])
            if len(found) <= FEW:
                self.few[int(place)] = found
        sizes = [len(found) + 1 for found in self.few.values()] + list(rows.sizes.values())
        sized = [(sizes[a] * sizes[b], (a, b)) for a, b in combinations(range(len(sizes)), 2)]
        self.pairs = [pair for size, pair in sorted(sized) if size <= WIDEST][:most]
        self.sizes = sizes

    def _fit_texts(self, rows: Rows) -> None:
        self.vectorizers: list[tuple[str, TfidfVectorizer, float]] = []
        words, characters = self.config["word_ngrams"], self.config["char_ngrams"]
        kinds = (("word", words, self.config["word_scale"]), ("char_wb", characters, 1.0))
        for name, texts in rows.texts.items():
            for analyzer, spread, scale in kinds:
                if not spread:
                    continue
                pattern = {"token_pattern": r"(?u)\b\w+\b"} if analyzer == "word" else {}
                found = TfidfVectorizer(
                    analyzer=analyzer,
                    ngram_range=tuple(spread),
                    min_df=int(self.config["text_min_rows"]),
                    max_features=int(self.config["text_features"]),
                    sublinear_tf=True,
                    **pattern,
                )
                try:
                    self.vectorizers.append((name, found.fit(texts), float(scale)))
                except ValueError:  # nothing but empty strings, or nothing in enough rows
                    continue

    def _clipped(self, filled: np.ndarray) -> np.ndarray:
        return np.clip(filled[:, self.varied], self.low, self.high)

    def transform(self, rows: Rows) -> sparse.csr_matrix:
        values = rows.numbers.to_numpy(float)
        filled = np.where(np.isnan(values), self.medians, values)
        blocks = [sparse.csr_matrix((len(rows), 0)), sparse.csr_matrix(rows.waves.to_numpy(float))]
        if self.scaler is not None:
            scaled = self.scaler.transform(self._clipped(filled))
            blocks.append(sparse.csr_matrix(scaled * float(self.config["number_scale"])))
            if self.splines is not None:
                blocks.append(sparse.csr_matrix(self.splines.transform(scaled)))
        if len(self.holes):
            blocks.append(sparse.csr_matrix(np.isnan(values[:, self.holes]).astype(float)))
        blocks += [_indicators(rows.categories[name].to_numpy(), size) for name, size in rows.sizes.items()]
        blocks += self._few_blocks(filled, rows)
        if rows.counts.shape[1]:
            blocks.append(rows.counts.multiply(0.3 / self.count_scale).tocsr())
        blocks += [vectorizer.transform(rows.texts[name]) * scale for name, vectorizer, scale in self.vectorizers]
        return sparse.hstack(blocks, format="csr")

    def _few_blocks(self, filled: np.ndarray, rows: Rows) -> list[sparse.csr_matrix]:
        codes = []
        for place, found in self.few.items():
            near = np.searchsorted(found, filled[:, place]).clip(0, len(found) - 1)
            codes.append(np.where(found[near] == filled[:, place], near + 1, 0))  # 0 for a value never seen
        blocks = [_indicators(code, len(found) + 1) for code, found in zip(codes, self.few.values(), strict=True)]
        codes += [rows.categories[name].to_numpy() for name in rows.sizes]
        for a, b in self.pairs:
            blocks.append(_indicators(codes[a] * self.sizes[b] + codes[b], self.sizes[a] * self.sizes[b]))
        return blocks


def _indicators(codes: np.ndarray, size: int) -> sparse.csr_matrix:
    """Rows x size, 1 at each row's code."""
    return sparse.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)), shape=(len(codes), size))
