"""Text columns: weighted words and letter sequences, reduced to a bounded dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class FittedTexts:
    """What was learned from the texts of a column.

    Attributes:
        terms: one for words and pairs, one for letter sequences; None where there are none.
        fitted: (m, terms) the weights of few texts, None otherwise.
        directions: (terms, q) that weights are reduced by, or (m, q) that inner products with few
            texts are; None where all weights stay. float32.
        centre: (q,) of the reduced weights.
        scale: what they are multiplied by after it is taken off.
    """

    terms: Sequence[TfidfVectorizer | None]
    fitted: sparse.csr_matrix | None
    directions: NDArray[np.float32] | None
    centre: NDArray[np.float64]
    scale: float

    def describe(self, texts: list[str]) -> tuple[NDArray[np.float64], list[str]]:
        """Return (n, q) of texts, and notes on them."""
        notes, cut = _cut(texts)
        weights = _stacked([_transformed(terms, cut) for terms in self.terms], len(cut))
        if self.fitted is not None:
            weights = weights @ self.fitted.T
        if self.directions is None:
            dense = weights.toarray()
        else:
            # Of all terms few texts have few, and products in float64 would copy all directions.
            used = np.unique(weights.indices)
            dense = weights[:, used] @ self.directions[used]
        return (np.asarray(dense, dtype=np.float64) - self.centre) * self.scale, notes


def encode_texts(
    texts: list[str], dimensions: int, weight: float, seed: int, fitted_on: int | None = None
) -> tuple[NDArray[np.float64], list[str], FittedTexts]:
    """Return (n, at most `dimensions`), centred, of total variance `weight`; notes; what describes.

    TF-IDF of words and word pairs, and of sequences of 2 to 5 letters within words, which match
    misspelt and inflected words; each gives half. Directions keep their natural scale: the
    leading ones carry the topics.

    Args:
        fitted_on: terms, directions, centre and scale are of so many first texts; None takes all.
    """
    notes, cut = _cut(texts)
    first = len(texts) if fitted_on is None else fitted_on
    weights, terms = term_weights(cut, first)
    dense, fitted, directions = _reduced(weights, dimensions, seed, first)
    centre = dense[:first].mean(axis=0)
    dense = dense - centre
    total = float(dense[:first].var(axis=0).sum())
    scale = 0.0 if total <= LEAST_VARIANCE else float(np.sqrt(weight / total))
    kept = None if directions is None else directions.astype(np.float32)
    scaled = dense * scale if scale else np.zeros_like(dense)
    return scaled, notes, FittedTexts(terms, fitted, kept, centre, scale)


def _cut(texts: list[str]) -> tuple[list[str], list[str]]:
    """Return a note where texts are long, and their beginnings."""
    long = sum(len(text) > MAX_CHARACTERS for text in texts)
    cut = [text[:MAX_CHARACTERS] for text in texts]
    if not long:
        return [], cut
    return [f"texts are read up to {MAX_CHARACTERS:,} characters ({long:,} are longer)."], cut


Reduced = tuple[NDArray[np.float64], sparse.csr_matrix | None, NDArray[np.float64] | None]


def _reduced(weights: sparse.csr_matrix, dimensions: int, seed: int, first: int) -> Reduced:
    """Return (n, q), q at most `dimensions`: all terms, or the leading directions of the first.

    With it the weights of few texts, and the directions; see FittedTexts.
    """
    if weights.shape[1] <= dimensions:
        return np.asarray(weights.toarray()), None, None
    fitted, others = weights[:first], weights[first:]
    if first <= dimensions:
        return _spanned(fitted, others)
    reducer = TruncatedSVD(dimensions, n_iter=POWER_ITERATIONS, random_state=seed)
    with np.errstate(invalid="ignore"):  # its explained variance is 0 / 0 where all texts agree
        known = np.asarray(reducer.fit_transform(fitted))
    dense = known if not others.shape[0] else np.vstack([known, reducer.transform(others)])
    return dense, None, reducer.components_.T


def _spanned(fitted: sparse.csr_matrix, others: sparse.csr_matrix) -> Reduced:
    """Return coordinates in the span of the m fitted texts, (n, m), for few texts of many terms.

    Inner products with a fitted text are those of the terms.
    """
    moments, directions = np.linalg.eigh((fitted @ fitted.T).toarray())
    lengths = np.sqrt(np.maximum(moments, 0))
    known = np.asarray(directions * lengths)
    usable = lengths > LEAST_LENGTH * lengths.max(initial=0.0)
    scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=usable)
    if not others.shape[0]:
        return known, fitted, directions * scales
    dense = np.vstack([known, (others @ fitted.T).toarray() @ directions * scales])
    return dense, fitted, directions * scales


def term_weights(
    texts: list[str], fitted_on: int | None = None
) -> tuple[sparse.csr_matrix, list[TfidfVectorizer | None]]:
    """Return (n, terms) TF-IDF weights: words and pairs, then letter sequences; at least (n, 1).

    The rows of each of the two blocks have length 1, or 0 where a text has no such term. With
    them what weighs the terms of each block, None where there are none.

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
    found = [
        None if block is None else terms
        for terms, block in zip((words, letters), blocks, strict=True)
    ]
    return _stacked(blocks, len(texts)), found


def _stacked(blocks: Sequence[sparse.csr_matrix | None], rows: int) -> sparse.csr_matrix:
    found = [block for block in blocks if block is not None]
    return sparse.hstack(found or [sparse.csr_matrix((rows, 1))], format="csr")


def _transformed(terms: TfidfVectorizer | None, texts: list[str]) -> sparse.csr_matrix | None:
    return None if terms is None else terms.transform(texts)


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
