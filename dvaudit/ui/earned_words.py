"""What verdicts earned, in words and numbers for the screen."""

from __future__ import annotations

from dataclasses import dataclass

from dvaudit.findings import ErrorRate
from dvaudit.findings.earned import LEAST
from dvaudit.findings.earned_types import Basis, Earned, Estimate, Share
from dvaudit.ui.words import count


@dataclass(frozen=True)
class Figure:
    """One number with what it is, and what it rests on."""

    label: str
    value: str
    note: str
    help: str


def first_words(found: Earned) -> str:
    """Return what to do for a first estimate; empty once there is one."""
    wanted = min(LEAST, found.flagged)
    if found.left is not None or (found.flagged and found.above.of >= wanted):
        return ""
    if found.flagged:
        every = f"all {wanted}" if wanted == found.flagged > 1 else f"{wanted:,}"
        done, noun = found.above.of, "sample" if wanted == 1 else "samples"
        said = f"Judge {every} flagged {noun} for a first estimate"
    elif found.ranked > LEAST:
        done = len(found.top_places)
        said = (
            f"No sample is flagged. Judge the first {LEAST} in order of suspicion for a first "
            "estimate of how many labels are wrong"
        )
    else:
        done = found.judged
        said = f"No sample is flagged. Judge {_all(found.ranked)} to know how many labels are wrong"
    return f"{said}: {done:,} so far." if done else f"{said}."


def _all(samples: int) -> str:
    return "the one sample" if samples == 1 else f"all {samples:,} samples"


def figures(found: Earned, rate: ErrorRate, methods: ErrorRate) -> list[Figure]:
    """Return the key figures.

    Args:
        rate: the estimate of the share of wrong labels to go by.
        methods: the methods' own. Where `rate` is this one, verdicts are too few to tell more, and
            what they say is shown as a range.
    """
    told = rate != methods
    return [_flags(found), _left(found, told), _more(found, told), _rate(found, rate, told)]


_WHY = {
    Basis.ALL: "All flagged samples are judged: this is counted, not estimated.",
    Basis.TOP: "It is of the first flagged samples in order of review. Those not judged yet are "
    "less suspicious, and less often worth it.",
    Basis.DRAWN: "It is of the flagged samples that the random audit sample holds.",
    Basis.CHOSEN: "The judged ones were picked by a person or in bulk, so they tell nothing of the "
    "other flags, and there is no interval. Review in order of suspicion, or a random audit "
    "sample.",
}


def verdict_words(found: Earned, rate: ErrorRate, methods: ErrorRate) -> str:
    """Return what the figures rest on; arguments as of `figures`."""
    said = [f"From {count(found.judged, 'verdict')}; ranges are 95% intervals."]
    if found.precision.of and found.basis is not Basis.ALL:
        said.append(f"Precision: {_precision_of(found)}.")
    if rate == methods and rate.rate is not None:
        said.append("Wrong labels in all: the methods' own estimate; verdicts tell less so far.")
    if found.dropped:
        said.append(
            f"{count(found.dropped, 'dropped sample')}: worth flagging, but not counted as wrong "
            "labels."
        )
    return " ".join(said)


def _precision_of(found: Earned) -> str:
    """Return which flags the precision is of, where it is not of all."""
    judged = count(found.precision.of, "flag")
    if found.basis is Basis.DRAWN:
        said = f"of {judged} drawn at random"
    elif found.basis is Basis.CHOSEN:
        said = f"of {judged} judged by hand or in bulk, not a sample of all flags, so without an"
        said += " interval"
    else:
        first = min(found.top, found.flagged)
        if found.precision.of == first:
            return f"of the first {judged} in order"
        said = f"of {found.precision.of:,} of the first {count(first, 'flag')} in order"
        if not found.unsure:
            said += "; those without a verdict are left out"
    return f"{said}; unsure ones are left out" if found.unsure else said


def _flags(found: Earned) -> Figure:
    label, part = "Precision of the flags", found.precision
    said = (
        "Of flagged samples judged so far, the share that was worth flagging: relabelled or "
        f"dropped. {_WHY[found.basis]}"
    )
    if found.below.of:
        said += f" {below_words(found.below)}"
    if not found.flagged:
        return Figure(label, "none flagged", "move the cut-off to flag some", said)
    if not part.of:
        return Figure(label, "unknown", "no flagged sample is judged", said)
    beside = "no interval" if found.basis is Basis.CHOSEN else share_range(part)
    if found.basis is Basis.ALL:
        beside = "all judged"
    return Figure(label, _percent(part), f"{part.hits:,} of {part.of:,}, {beside}", said)


def below_words(below: Share) -> str:
    """Return what was judged below the cut-off."""
    return (
        f"Below the cut-off {below.hits:,} of {below.of:,} judged would have been worth flagging."
    )


def _left(found: Earned, told: bool) -> Figure:
    label = "Wrong labels left"
    if found.left is None or found.left_below is None:
        return Figure(label, "unknown", "judge in order of suspicion", _NOT_IN_ORDER)
    said = (
        "Wrong labels, that is those a person would replace, expected among the samples without a "
        f"verdict, {round(found.left_below.value):,} of them below the cut-off. {_rests_on(found)}"
    )
    if found.counted_all:
        return Figure(label, "0", "all samples are judged", said)
    if not told:
        return Figure(label, number_range(found.left), _FEW, said)
    return Figure(label, f"about {round(found.left.value):,}", number_range(found.left), said)


def _more(found: Earned, told: bool) -> Figure:
    label = "To find 95% of all"
    if found.more is None:
        return Figure(label, "unknown", "judge in order of suspicion", _NOT_IN_ORDER)
    more, most = round(found.more.value), round(found.more.high)
    said = (
        "How many more samples to review, in order of suspicion, until 95% of all wrong labels are "
        f"expected to be found. {_rests_on(found)}"
    )
    if found.counted_all:
        return Figure(label, "done", "all samples are judged", said)
    if not told and most:
        return Figure(label, number_range(found.more), "more to review", said)
    return Figure(
        label,
        f"review {more:,} more" if more else "done",
        f"at most {most:,}" if most else "by the estimate",
        said,
    )


def _rate(found: Earned, rate: ErrorRate, told: bool) -> Figure:
    label = "Wrong labels in all"
    if rate.rate is None:
        return Figure(label, "unknown", "no estimate", rate.how)
    how = rate.how
    ours = found.by_order if found.combined is None else found.combined
    if not told and ours is not None:
        how += (
            f" The verdicts so far say {ours.value:.1%} ({rate_range(ours)}): too few, or less "
            "certain than the methods' own estimate, which therefore stands."
        )
    return Figure(label, f"{rate.rate:.1%}", rate_note(rate), how)


_FEW = "95% range: few verdicts yet"
_NOT_IN_ORDER = (
    "Samples picked by hand say nothing about the others. Review the most suspicious ones in "
    f"order, or a random audit sample: {LEAST} verdicts make a first estimate."
)


def _rests_on(found: Earned) -> str:
    top = f"The first {found.top:,} in order of review are counted as judged"
    if found.combined is not None:
        return f"{top}; {found.audited:,} drawn at random tell of the others."
    return (
        f"{top}; the rest is read on from there and from the methods' own estimate, and wrong "
        "labels that no method sees are not in it: judge a random audit sample for those."
    )


def rows(found: Earned, methods: ErrorRate) -> list[tuple[str, str, str]]:
    """Return the estimates of the share of wrong labels: how, value, 95 % interval."""
    if found.counted_all:
        share = f"{found.found / found.ranked:.1%}"
        return [
            *_told([("Methods alone", _of_methods(methods))]),
            (f"All {found.judged:,} judged", share, "counted"),
        ]
    made = [
        ("Methods alone", _of_methods(methods)),
        (f"Random audit sample alone ({found.audited:,} judged)", found.by_audit),
        (f"First {found.top:,} in order, read on", found.by_order),
        ("Both: first ones counted, others as the audited", found.counted),
        ("Both, with the curve", found.combined),
    ]
    return _told(made)


def _told(made: list[tuple[str, Estimate | None]]) -> list[tuple[str, str, str]]:
    return [
        (name, f"{item.value:.1%}", rate_range(item)) if item else (name, "none yet", "")
        for name, item in made
    ]


def _of_methods(rate: ErrorRate) -> Estimate | None:
    if rate.rate is None or rate.low is None or rate.high is None:
        return None
    return Estimate(rate.rate, rate.low, rate.high)


def share_range(share: Share) -> str:
    """Return the 95 % interval of a share, in whole percent."""
    return f"{share.low:.0%} to {share.high:.0%}"


def rate_range(estimate: Estimate) -> str:
    """Return the 95 % interval of a share of all samples, to a tenth of a percent or finer."""
    texts = [""]
    for digits in range(1, 5):
        texts = [f"{end:.{digits}%}" for end in (estimate.low, estimate.high)]
        if texts[0] != texts[1]:
            break
    return " to ".join(texts)


def rate_note(rate: ErrorRate) -> str:
    """Return what to show beside the share of wrong labels: its interval, or how it is known.

    A tile has room for about 25 characters.
    """
    if rate.rate is None:
        return "no estimate"
    if rate.low is None or rate.high is None:
        return rate.note or "counted"
    return f"{rate_range(Estimate(rate.rate, rate.low, rate.high))} (95%)"


def number_range(estimate: Estimate) -> str:
    """Return the 95 % interval of a number of samples."""
    return f"{round(estimate.low):,} to {round(estimate.high):,}"


def _percent(share: Share) -> str:
    return f"{share.share:.0%}" if share.of else "unknown"
