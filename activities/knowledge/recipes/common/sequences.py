"""Sequences of characters: counts of their parts, and for SMILES strings facts of the molecule."""

from collections import Counter

import numpy as np
import pandas as pd
from scipy import sparse

import molecules


class SequenceColumn:
    """Learns which parts (surroundings of atoms, or runs of characters) occur in enough training rows."""

    def __init__(self, alphabet: str, config: dict) -> None:
        self.alphabet = alphabet
        self.radius = int(config.get("sequence_radius", 2))
        self.length = int(config.get("sequence_kmer", 3))
        self.least = int(config.get("sequence_min_rows", 5))
        self.most = int(config.get("sequence_max_parts", 2000))

    def fit(self, column: pd.Series) -> "SequenceColumn":
        rows = Counter(part for text in column for part in self._parts(text))
        common = sorted((part for part, count in rows.items() if count >= self.least), key=lambda part: -rows[part])
        self.known = {part: number for number, part in enumerate(sorted(common[: self.most]))}
        return self

    def transform(self, column: pd.Series) -> tuple[dict[str, np.ndarray], sparse.csr_matrix]:
        """Numbers by name, and the counts of the known parts (rows x parts)."""
        places = [(row, self.known[part], count) for row, text in enumerate(column)
                  for part, count in self._parts(text).items() if part in self.known]  # fmt: skip
        row, part, count = (np.array(values) for values in zip(*places, strict=True)) if places else ([], [], [])
        counts = sparse.csr_matrix((np.asarray(count, float), (row, part)), shape=(len(column), len(self.known)))
        return self._facts(column), counts

    def _parts(self, text: str) -> Counter[str]:
        if self.alphabet == "smiles":
            return molecules.surroundings(text, self.radius)
        plain = text.strip().upper()
        return Counter(
            plain[start : start + length]
            for length in range(1, self.length + 1)
            for start in range(len(plain) - length + 1)
        )

    def _facts(self, column: pd.Series) -> dict[str, np.ndarray]:
        if self.alphabet != "smiles":
            return {"length": column.str.strip().str.len().to_numpy(float)}
        names = molecules.facts("C")
        found = [molecules.facts(text) for text in column]
        return {name: np.array([row.get(name, np.nan) for row in found], float) for name in names}
