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
LEAST_LENGTH = 1e-6  # of the longest direction; shorter ones are rounding
LEAST_VARIANCE = 1e-12  # rows have length 1; below this all texts agree but for rounding


def encode_texts(
    texts: list[str], dimensions: int, weight: float, seed: int, fitted_on: int | None = None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (n, at most `dimensions`), centred, of total variance `weight`, and the notes.

    TF-IDF of words and word pairs, and of sequences of 2 to 5 letters within words, which match
    misspelt and inflected words; each gives half. Directions keep their natural scale: the
    leading ones carry the topics.

    Args:
        fitted_on: terms, directions, centre and scale are of so many first texts; None takes all.
    """
    long = sum(len(text) > MAX_CHARACTERS for text in texts)
    notes = (
        [f"texts are read up to {MAX_CHARACTERS:,} characters ({long:,} are longer)."]
        if long
        else []
    )
    first = len(texts) if fitted_on is None else fitted_on
    terms = term_weights([text[:MAX_CHARACTERS] for text in texts], first)
    dense = _reduced(terms, dimensions, seed, first)
    dense = dense - dense[:first].mean(axis=0)
    total = float(dense[:first].var(axis=0).sum())
    if total <= LEAST_VARIANCE:
        return np.zeros_like(dense), notes
    return dense * np.sqrt(weight / total), notes


def _reduced(
    terms: sparse.csr_matrix, dimensions: int, seed: int, first: int
) -> NDArray[np.float64]:
    """Return (n, q), q at most `dimensions`: all terms, or the leading directions of the first."""
    if terms.shape[1] <= dimensions:
        return np.asarray(terms.toarray())
    fitted, others = terms[:first], terms[first:]
    if first <= dimensions:
        return _spanned(fitted, others)
    reducer = TruncatedSVD(dimensions, n_iter=POWER_ITERATIONS, random_state=seed)
    with np.errstate(invalid="ignore"):  # its explained variance is 0 / 0 where all texts agree
        known = np.asarray(reducer.fit_transform(fitted))
    return known if not others.shape[0] else np.vstack([known, reducer.transform(others)])


def _spanned(fitted: sparse.csr_matrix, others: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return coordinates in the span of the m fitted texts, (n, m), for few texts of many terms.

    Inner products with a fitted text are those of the terms.
    """
    moments, directions = np.linalg.eigh((fitted @ fitted.T).toarray())
    lengths = np.sqrt(np.maximum(moments, 0))
    known = np.asarray(directions * lengths)
    if not others.shape[0]:
        return known
    usable = lengths > LEAST_LENGTH * lengths.max(initial=0.0)
    scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=usable)
    return np.vstack([known, (others @ fitted.T).toarray() @ directions * scales])


def term_weights(texts: list[str], fitted_on: int | None = None) -> sparse.csr_matrix:
    """Return (n, terms) TF-IDF weights: words and pairs, then letter sequences; at least (n, 1).

    The rows of each of the two blocks have length 1, or 0 where a text has no such term.

    Args:
        fitted_on: terms are those of so many first texts; None takes all.
    """
    first = len(texts) if fitted_on is None else fitted_on
    common: dict[str, Any] = {
        "sublinear_tf": True,
        "max_features": MAX_TERMS,
        "min_df": 2 if first >= MANY_TEXTS else 1,
    }
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common)
    letters = TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", **common)
    blocks = [_weights(words, texts, first), _weights(letters, texts, first)]
    found = [block for block in blocks if block is not None]
    return sparse.hstack(found or [sparse.csr_matrix((len(texts), 1))], format="csr")


def _weights(vectoriser: TfidfVectorizer, texts: list[str], first: int) -> sparse.csr_matrix | None:
    """Return the weights, or None where the texts have no term, or none in common."""
    try:
        known = vectoriser.fit_transform(texts[:first])
    except ValueError as error:
        if "empty vocabulary" in str(error) or "no terms remain" in str(error):
            return None
        raise
    if first == len(texts):
        return known
    return sparse.vstack([known, vectoriser.transform(texts[first:])], format="csr")
