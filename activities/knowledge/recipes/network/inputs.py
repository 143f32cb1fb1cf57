"""What a network reads: scaled numbers, codes to embed, and bags of tokens as a sparse matrix."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from columns import Rows

FEW = 60  # whole numbers with so few values are embedded as well


@dataclass(frozen=True)
class Inputs:
    """`numbers` is rows x numbers, `codes` rows x columns to embed, `bags` rows x tokens."""

    numbers: np.ndarray
    codes: np.ndarray
    bags: sparse.csr_matrix

    def batch(self, index: np.ndarray, drop: float, random: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Tensors of some rows; of the tokens a share `drop` is left out at random."""
        part = self.bags[index]
        tokens, weights, ends = part.indices, part.data, part.indptr
        if drop > 0 and len(tokens):
            kept = random.random(len(tokens)) >= drop
            ends = np.concatenate([[0], np.cumsum(kept)])[ends]
            tokens, weights = tokens[kept], weights[kept]
        return (
            torch.from_numpy(self.numbers[index]),
            torch.from_numpy(self.codes[index]),
            torch.from_numpy(tokens.astype(np.int64)),
            torch.from_numpy(ends[:-1].astype(np.int64)),
            torch.from_numpy(weights.astype(np.float32)),
        )


class Encoder:
    """Fitted on training rows."""

    def __init__(self, config: dict) -> None:
        self.config = config

    def fit(self, rows: Rows) -> Inputs:
        values = rows.numbers.to_numpy(float)
        with np.errstate(all="ignore"):
            self.medians = np.nan_to_num(np.nanmedian(values, axis=0)) if values.shape[1] else np.zeros(0)
        self.holes = np.flatnonzero(np.isnan(values).any(axis=0))
        filled = np.where(np.isnan(values), self.medians, values)
        edges = np.quantile(filled, np.linspace(0, 1, 2 + int(self.config["number_bins"])), axis=0) if len(rows) else []
        self.edges = [np.unique(edges[:, place]) for place in range(filled.shape[1])]
        self.mean, self.spread = filled.mean(axis=0), filled.std(axis=0) + 1e-9
        self.few = {}
        for place in range(filled.shape[1]):
            found = np.unique(filled[:, place])
            if 2 < len(found) <= FEW and np.all(found == np.round(found)):
                self.few[place] = found
        self.sizes = [*rows.sizes.values(), *(len(found) + 1 for found in self.few.values())]
        self.vectorizers = []
        for name, texts in rows.texts.items():
            for analyzer, spread in (("word", self.config["word_ngrams"]), ("char_wb", self.config["char_ngrams"])):
                if not spread:
                    continue
                pattern = {"token_pattern": r"(?u)\b\w+\b"} if analyzer == "word" else {}
                least = min(int(self.config["text_min_rows"]), max(1, len(rows) // 50))
                found = TfidfVectorizer(
                    analyzer=analyzer, ngram_range=tuple(spread), min_df=least, max_features=100_000,
                    norm=None, binary=True, **pattern,
                )  # fmt: skip
                try:
                    self.vectorizers.append((name, found.fit(texts)))
                except ValueError:  # nothing but empty strings
                    continue
        inputs = self.transform(rows)
        self.tokens = inputs.bags.shape[1]
        return inputs

    def transform(self, rows: Rows) -> Inputs:
        values = rows.numbers.to_numpy(float)
        filled = np.where(np.isnan(values), self.medians, values)
        blocks = [
            np.clip((filled - self.mean) / self.spread, -4, 4),
            np.isnan(values[:, self.holes]),
            rows.waves.to_numpy(),
        ]
        for place, edges in enumerate(self.edges):
            if len(edges) > 3 and place not in self.few:
                blocks.append(_filled_bins(filled[:, place], edges))
        codes = [rows.categories.to_numpy(np.int64)]
        for place, found in self.few.items():
            near = np.searchsorted(found, filled[:, place]).clip(0, len(found) - 1)
            codes.append(np.where(found[near] == filled[:, place], near + 1, 0)[:, None].astype(np.int64))
        bags = [found.transform(rows.texts[name]) for name, found in self.vectorizers]
        counts = rows.counts.copy()
        counts.data = np.log1p(counts.data)
        return Inputs(
            np.hstack(blocks).astype(np.float32), np.hstack(codes), sparse.hstack([counts, *bags], format="csr")
        )


def _filled_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Piecewise-linear code: each bin is 1 above it, 0 below it, and a fraction inside."""
    return np.clip((values[:, None] - edges[:-1]) / (edges[1:] - edges[:-1]), 0, 1)
