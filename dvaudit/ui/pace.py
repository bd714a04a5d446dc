"""How fast a review goes, in words; no Streamlit."""

from __future__ import annotations

from dvaudit.findings.board import PACE_SECONDS, Pace
from dvaudit.ui.words import count, duration


def pace_words(pace: Pace, left: int) -> str:
    """Return in one line how fast somebody judges, and how long the rest takes at that rate.

    Args:
        left: samples of the queue still to judge.

    Returns:
        "" where too few verdicts are recent.
    """
    if pace.per_minute is None:
        return ""
    recent = f"{count(pace.recent, 'verdict')} in the last {PACE_SECONDS / 60:.0f} minutes"
    text = f"{recent}, {rate_text(pace.per_minute)} a minute"
    if left <= 0:
        return f"{text}."
    return f"{text}; {left:,} left, about {duration(60.0 * left / pace.per_minute)} at this rate."


def rate_text(per_minute: float) -> str:
    """Return a rate as people say it."""
    return f"{per_minute:.0f}" if per_minute >= 10 else f"{per_minute:.1f}"
