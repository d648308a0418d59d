"""Which visible examples a classifier gets wrong. Lives in process S; only positions and classes leave it, never hidden ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.records import Mistake, Mistakes

# So many are shown to a student (docs/students.md).
MOST = 25


def find_mistakes(outputs: Any, labels: Any) -> Mistakes | None:
    """Mistakes of outputs (n, classes) for labels (n,), the surest first; None for what is no classification or not finite."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or outputs.ndim != 2 or len(outputs) != len(labels):
        return None
    if not outputs.shape[1] or not np.isfinite(outputs).all():
        return None
    predicted = outputs.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-outputs[wrong, predicted[wrong]], kind="stable")][:MOST]
    return Mistakes(len(wrong), len(labels), tuple(Mistake(int(at), int(labels[at]), int(predicted[at])) for at in surest))
