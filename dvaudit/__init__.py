"""dvaudit finds the wrong labels and the worthless samples in a dataset.

    import dvaudit
    data = dvaudit.load("photos.zip")
    audit = dvaudit.audit(data, ["kernel-loo", "cg-score"])
    audit.save("out/")

Names load on first use, so that importing the package is fast and loads no torch.
"""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit import valuators as valuators
    from dvaudit.audits import apply_patch as apply_patch
    from dvaudit.audits import audit as audit
    from dvaudit.audits import load as load
    from dvaudit.audits import value as value
    from dvaudit.core.dataset import Dataset as Dataset
    from dvaudit.core.errors import DvauditError as DvauditError
    from dvaudit.core.result import ValuationResult as ValuationResult

__version__ = "0.1.0"

__getattr__, __all__ = exports(
    __name__,
    {
        "Dataset": "dvaudit.core.dataset",
        "DvauditError": "dvaudit.core.errors",
        "ValuationResult": "dvaudit.core.result",
        "apply_patch": "dvaudit.audits",
        "audit": "dvaudit.audits",
        "load": "dvaudit.audits",
        "valuators": "dvaudit.valuators",
        "value": "dvaudit.audits",
    },
)
