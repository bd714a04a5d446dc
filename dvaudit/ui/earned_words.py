"""What verdicts earned, in words and numbers for the screen."""

from __future__ import annotations

from dataclasses import dataclass

from dvaudit.findings import ErrorRate
from dvaudit.findings.earned import LEAST
from dvaudit.findings.earned_types import Earned, Estimate, Share


@dataclass(frozen=True)
class Figure:
    """One number with what it is, and what it rests on."""

    label: str
    value: str
    note: str
    help: str


def first_words(found: Earned) -> str:
    """Return what to do for a first estimate; empty once there is one."""
    if found.above.of >= LEAST or found.left is not None:
        return ""
    wanted = f"Judge {LEAST} flagged samples for a first estimate"
    return f"{wanted}: {found.above.of} so far." if found.above.of else f"{wanted}."


def figures(found: Earned, rate: ErrorRate) -> list[Figure]:
    """Return the key figures; `rate` is the estimate of the share of wrong labels to go by."""
    flags = Figure(
        "Precision of the flags",
        _percent(found.above),
        f"{found.above.hits:,} of {found.above.of:,}, {share_range(found.above)}",
        "Of the flagged samples judged so far, the share whose label was wrong: relabelled or "
        "dropped. Those not judged yet are less suspicious, and less often wrong.",
    )
    below = found.below
    if below.of:
        flags = Figure(flags.label, flags.value, flags.note, f"{flags.help} {below_words(below)}")
    return [flags, _left(found), _more(found), _rate(rate)]


def below_words(below: Share) -> str:
    """Return what was judged below the cut-off."""
    return (
        f"Below the cut-off {below.hits:,} of {below.of:,} judged were wrong "
        f"({share_range(below)})."
    )


def _left(found: Earned) -> Figure:
    label = "Wrong labels left"
    if found.left is None or found.left_below is None:
        return Figure(label, "unknown", "judge in order of suspicion", _NOT_IN_ORDER)
    return Figure(
        label,
        f"about {round(found.left.value):,}",
        number_range(found.left),
        "Wrong labels expected among the samples without a verdict, "
        f"{round(found.left_below.value):,} of them below the cut-off. " + _rests_on(found),
    )


def _more(found: Earned) -> Figure:
    label = "To find 95% of all"
    if found.more is None:
        return Figure(label, "unknown", "judge in order of suspicion", _NOT_IN_ORDER)
    more, most = round(found.more.value), round(found.more.high)
    return Figure(
        label,
        f"review {more:,} more" if more else "done",
        f"at most {most:,}" if most else "by the estimate",
        "How many more samples to review, in order of suspicion, until 95% of all wrong labels are "
        "expected to be found. " + _rests_on(found),
    )


def _rate(rate: ErrorRate) -> Figure:
    if rate.rate is None or rate.low is None or rate.high is None:
        return Figure("Wrong labels in all", "unknown", "no estimate", rate.how)
    value = Estimate(rate.rate, rate.low, rate.high)
    return Figure("Wrong labels in all", f"{rate.rate:.1%}", rate_range(value), rate.how)


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
    made = [
        ("Methods alone", _of_methods(methods)),
        (f"Random audit sample alone ({found.audited:,} judged)", found.by_audit),
        (f"First {found.top:,} in order, read on", found.by_order),
        ("Both: first ones counted, others as the audited", found.counted),
        ("Both, with the curve", found.combined),
    ]
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
    """Return the 95 % interval of a share of all samples, to a tenth of a percent."""
    return f"{estimate.low:.1%} to {estimate.high:.1%}"


def number_range(estimate: Estimate) -> str:
    """Return the 95 % interval of a number of samples."""
    return f"{round(estimate.low):,} to {round(estimate.high):,}"


def _percent(share: Share) -> str:
    return f"{share.share:.0%}" if share.of else "unknown"
