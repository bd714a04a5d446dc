"""Text columns: weighted words and letter sequences, reduced to a bounded dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

MAX_TERMS = 60_000  # of each kind, the most frequent
MAX_CHARACTERS = 5_000  # letter sequences of longer texts are counted in their beginning
MANY_TEXTS = 200  # from this many on, terms of a single text are left out
POWER_ITERATIONS = 4
LEAST_VARIANCE = 1e-12  # rows have length 1; below this all texts agree but for rounding


def encode_texts(
    texts: list[str], dimensions: int, weight: float, seed: int
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (n, at most `dimensions`), centred, of total variance `weight`, and the notes.

    TF-IDF of words and word pairs, and of sequences of 2 to 5 letters within words, which match
    misspelt and inflected words; each gives half. Directions keep their natural scale: the
    leading ones carry the topics.
    """
    long = sum(len(text) > MAX_CHARACTERS for text in texts)
    notes = (
        [f"texts are read up to {MAX_CHARACTERS:,} characters ({long:,} are longer)."]
        if long
        else []
    )
    terms = term_weights([text[:MAX_CHARACTERS] for text in texts])
    dense = _reduced(terms, dimensions, seed)
    dense = dense - dense.mean(axis=0)
    total = float(dense.var(axis=0).sum())
    if total <= LEAST_VARIANCE:
        return np.zeros_like(dense), notes
    return dense * np.sqrt(weight / total), notes


def _reduced(terms: sparse.csr_matrix, dimensions: int, seed: int) -> NDArray[np.float64]:
    """Return (n, q), q at most `dimensions`: all terms, or their leading directions."""
    texts, count = terms.shape
    if count <= dimensions:
        return np.asarray(terms.toarray())
    if texts <= dimensions:
        return _spanned(terms)
    reducer = TruncatedSVD(dimensions, n_iter=POWER_ITERATIONS, random_state=seed)
    with np.errstate(invalid="ignore"):  # its explained variance is 0 / 0 where all texts agree
        return np.asarray(reducer.fit_transform(terms))


def _spanned(terms: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return (n, n) coordinates with the same inner products, for few texts with many terms."""
    moments, directions = np.linalg.eigh((terms @ terms.T).toarray())
    return np.asarray(directions * np.sqrt(np.maximum(moments, 0)))


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
