"""Two findings behind a suspicious sample: a wrong label, and an atypical sample worth keeping.

"Mislabelled" is what the cut-off flags. "Atypical" is what the CG-score finds hard to fit and does
not refute, as long as it is not flagged (Nohyun et al., ICLR 2023, section 4: removing such
samples costs the most accuracy on clean data).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutOff
from dvaudit.findings.cutoff import flags

ATYPICAL_COLUMN = "cg-score.cg_atypical"
ATYPICAL_REASON = (
    "Atypical, not mislabelled: it is much harder to fit than most samples of its class, yet a "
    "model of all the others predicts its label. Worth keeping: losing such samples costs a model "
    "more than losing typical ones."
)


class Finding(StrEnum):
    """What an audit finds of one sample."""

    MISLABELLED = "mislabelled"
    ATYPICAL = "atypical"


def looked_for_atypical(samples: pd.DataFrame) -> bool:
    """Return whether the audit ran the method that tells atypical samples."""
    return ATYPICAL_COLUMN in samples


def atypical(samples: pd.DataFrame, flagged: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n,) which samples are atypical and not among the (n,) flagged ones."""
    if not looked_for_atypical(samples):
        return np.zeros(len(samples), dtype=bool)
    return np.asarray((samples[ATYPICAL_COLUMN] == 1).to_numpy(dtype=bool) & ~flagged)


def kinds(samples: pd.DataFrame, flagged: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Return (n,) the finding of each sample as text, None where nothing is found.

    Args:
        samples: one row per sample, with the methods' own columns.
        flagged: (n,) which samples lie above the cut-off.
    """
    out = np.full(len(samples), None, dtype=object)
    out[atypical(samples, flagged)] = Finding.ATYPICAL.value
    out[flagged] = Finding.MISLABELLED.value
    return out


def kind_of(samples: pd.DataFrame, position: int, *, flagged: bool) -> Finding | None:
    """Return the finding of the sample at `position`, `flagged` by the cut-off or not."""
    found = kinds(samples.iloc[[position]], np.array([flagged]))[0]
    return None if found is None else Finding(found)


def told(reason: str, finding: str | None) -> str:
    """Return a sample's reason, with why it is worth keeping where it is atypical.

    Whatever `reason` said of that before is left out first: a moved cut-off changes the finding.
    """
    bare = reason.removesuffix(ATYPICAL_REASON).rstrip()
    return f"{bare} {ATYPICAL_REASON}".lstrip() if finding == Finding.ATYPICAL else bare


def reason_of(samples: pd.DataFrame, position: int, *, flagged: bool) -> str:
    """Return the reason of the sample at `position` as the cut-off has it, empty for none."""
    reason = samples["reason"].iloc[[position]].fillna("").astype(str).iloc[0]
    return told(str(reason), kind_of(samples, position, flagged=flagged))


def at_cut_off(samples: pd.DataFrame, cut: CutOff) -> pd.DataFrame:
    """Return a findings table whose flagged, finding and reason follow the cut-off.

    A table of an audit that stored no finding gets the column after `flagged`.
    """
    flagged = flags(samples, cut)
    found = kinds(samples, flagged)
    out = samples.assign(flagged=flagged)
    if "finding" in out:
        out["finding"] = found
    else:
        out.insert(list(out.columns).index("flagged") + 1, "finding", found)
    if "reason" in out:
        reasons = out["reason"].fillna("").astype(str)
        out["reason"] = [told(*pair) for pair in zip(reasons, found, strict=True)]
    return out
