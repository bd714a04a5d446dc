"""Text columns: weighted words and letter sequences, reduced to a bounded dimension."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

MAX_TERMS = 60_000  # of each kind, the most frequent
MAX_CHARACTERS = 5_000  # letter sequences of longer texts are counted in their beginning
MANY_TEXTS = 200  # from this many on, terms of a single text are left out
POWER_ITERATIONS = 4


class TextEncoder(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """Texts -> (n, at most `dimensions`), centred; all columns together have variance `weight`.

    TF-IDF of words and word pairs, and of sequences of 2 to 5 letters within words, which match
    misspelt and inflected words; each gives half. Directions keep their natural scale: the
    leading ones carry the topics.
    """

    def __init__(self, dimensions: int, weight: float, seed: int) -> None:
        self.dimensions = dimensions
        self.weight = weight
        self.seed = seed

    def fit(self, X: Iterable[str], y: Any = None) -> TextEncoder:
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Iterable[str], y: Any = None, **_: Any) -> NDArray[np.float64]:
        """Return the encoding of the texts it is fitted on."""
        texts = list(X)
        long = sum(len(text) > MAX_CHARACTERS for text in texts)
        self.notes_ = (
            [f"{long:,} texts are read up to {MAX_CHARACTERS:,} characters."] if long else []
        )
        dense = self._reduced(term_weights([text[:MAX_CHARACTERS] for text in texts]))
        dense = dense - dense.mean(axis=0)
        total = dense.var(axis=0).sum()
        return np.asarray(dense * np.sqrt(self.weight / total) if total > 0 else dense)

    def _reduced(self, terms: sparse.csr_matrix) -> NDArray[np.float64]:
        """Return (n, q), q at most `dimensions`: all terms, or their leading directions."""
        if terms.shape[1] <= self.dimensions:
            return np.asarray(terms.toarray())
        components = min(self.dimensions, *terms.shape)
        reducer = TruncatedSVD(components, n_iter=POWER_ITERATIONS, random_state=self.seed)
        with np.errstate(invalid="ignore"):  # its explained variance is 0 / 0 for equal texts
            return np.asarray(reducer.fit_transform(terms))


def term_weights(texts: list[str]) -> sparse.csr_matrix:
    """Return (n, terms) TF-IDF weights: words and pairs, then letter sequences; at least (n, 1).

    The rows of each of the two blocks have length 1, or 0 where a text has no such term.
    """
    common: dict[str, Any] = {
        "sublinear_tf": True,
        "max_features": MAX_TERMS,
        "min_df": 2 if len(texts) >= MANY_TEXTS else 1,
    }
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common)
    letters = TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", **common)
    blocks = [_weights(words, texts), _weights(letters, texts)]
    found = [block for block in blocks if block is not None]
    return sparse.hstack(found or [sparse.csr_matrix((len(texts), 1))], format="csr")


def _weights(vectoriser: TfidfVectorizer, texts: list[str]) -> sparse.csr_matrix | None:
    """Return the weights, or None where the texts have no term, or none in common."""
    try:
        return vectoriser.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" in str(error) or "no terms remain" in str(error):
            return None
        raise
