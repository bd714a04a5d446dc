"""A finished audit as a Report."""

from __future__ import annotations

import numpy as np
import pytest
from planted import class_result, clusters, nearest_centre_scores, planted_dataset

from dvaudit.core.dataset import Unreadable
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import find
from dvaudit.reports import Report

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
    "GAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def make_report():
    """Return a function that audits planted clusters and reports them."""

    def make(names=("cat", "dog", "owl"), **changes) -> Report:
        vectors, true = clusters(dict.fromkeys(names, 40))
        labels = true.copy()
        labels[[3, 50]] = [1, 0]
        vectors[60] = vectors[61]
        data = planted_dataset(vectors, labels, names)
        result = class_result(data, nearest_centre_scores(vectors, true, len(names)))
        found = find(data, vectors, {"kernel-loo": result})
        fields = {
            "name": data.name,
            "kind": data.kind,
            "task": data.task,
            "fingerprint": data.fingerprint,
            "created": "2026-03-02T10:15:00+00:00",
            "samples": found.samples,
            "classes": found.classes,
            "duplicates": found.duplicates,
            "confusions": found.confusions,
            "error_rate": found.error_rate,
            "record": {
                "features": {
                    "extractor": "vectors",
                    "settings": {},
                    "dimensions": 16,
                    "seconds": 0.1,
                    "notes": ["Taken as they are."],
                },
                "valuators": {
                    "kernel-loo": {
                        "status": "Ridge 0.03; no repair was needed.",
                        "settings": {"ridge": None},
                        "ridge": np.float64(0.03),
                        "seconds": {"gram": 0.5},
                        "seconds_total": 0.75,
                    }
                },
                "seed": 17,
                "device": "cpu",
                "versions": {"python": "3.12.1", "numpy": "2.2.0"},
                "seconds": 75.0,
            },
            "decisions": {
                "s003": Decision("s003", Verdict.RELABEL, "cat"),
                "s050": Decision("s050", Verdict.DROP),
            },
            "thumbnails": {"s003": PIXEL},
            "notes": found.notes,
            "unreadable": (Unreadable("broken.png", "not a picture"),),
        }
        return Report(**{**fields, **changes})

    return make
