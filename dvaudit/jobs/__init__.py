"""Runs in worker processes: queue, progress, cancel, resume. Names load on first use."""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit.jobs.control import cancel as cancel
    from dvaudit.jobs.control import resume as resume
    from dvaudit.jobs.control import submit as submit
    from dvaudit.jobs.control import work_here as work_here
    from dvaudit.jobs.expecting import expect as expect
    from dvaudit.jobs.supervisor import Supervisor as Supervisor

__getattr__, __all__ = exports(
    __name__,
    {
        "Supervisor": "dvaudit.jobs.supervisor",
        "cancel": "dvaudit.jobs.control",
        "expect": "dvaudit.jobs.expecting",
        "resume": "dvaudit.jobs.control",
        "submit": "dvaudit.jobs.control",
        "work_here": "dvaudit.jobs.control",
    },
)
