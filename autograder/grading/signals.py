"""Signals for instructors: what is odd about how a result came about. They change no points, and nobody is accused by them.

Pure functions from what is recorded anyway (handed-in histories, CPU seconds, what S measured) to flags. Details name no
measured times, so that grading again gives the same flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

from autograder.course.calibration import Calibration
from autograder.records import Flag, ModelMeasures

History = Mapping[str, Sequence[float | None]]

KINDS = frozenset(
    {"visible_above_hidden", "weights_unchanged", "too_fast", "beyond_epoch_limit", "early_accuracy"}
)  # made anew whenever a run is looked at

_DEVIATIONS = 4.0  # by chance alone, one honest submission in 30,000 is further apart
_FLAT = 1e-5  # five times what the order of additions does to the loss of a model whose weights stand still
_NO_LOSS = 1e-6
_EPOCH_S, _EXAMPLE_S = 0.005, 1.6e-7
_CALIBRATED_SHARE = 0.25
_MOST_EPOCHS = 1_000  # a longer history was kept for each batch
_MARGIN = 0.02


def signals(
    histories: Mapping[str, History],
    models: Mapping[str, ModelMeasures],
    cpu_s: float,
    epoch_limit: int | None,
    examples: int,
    calibration: Calibration,
) -> tuple[Flag, ...]:
    """All signals of one run. `cpu_s`: of the notebook's own cells; `examples`: of the training part that it was given."""
    return (
        *visible_above_hidden(models),
        *weights_unchanged(histories, models),
        *too_fast(histories, cpu_s, examples, calibration.epoch_cpu_s),
        *beyond_epoch_limit(histories, epoch_limit),
        *early_accuracy(histories, calibration.first_epoch),
    )


def visible_above_hidden(models: Mapping[str, ModelMeasures]) -> Iterable[Flag]:
    """A model that is better on the images that the notebook saw than on those that it did not: trained or chosen on the former?

    Both parts are drawn at random from the same examples, so the difference of two proportions says how far chance goes.
    """
    for name, found in models.items():
        together = found.visible_examples + found.hidden_examples
        right = found.visible_accuracy * found.visible_examples + found.hidden_accuracy * found.hidden_examples
        share = right / together
        deviation = sqrt(share * (1 - share) * (1 / found.visible_examples + 1 / found.hidden_examples))
        if found.visible_accuracy - found.hidden_accuracy > max(_DEVIATIONS * deviation, _MARGIN):
            detail = f"'{name}': {found.visible_accuracy:.2f} on visible images, {found.hidden_accuracy:.2f} on hidden ones"
            yield Flag("visible_above_hidden", detail)


def weights_unchanged(histories: Mapping[str, History], models: Mapping[str, ModelMeasures]) -> Iterable[Flag]:
    """A loss that stays the same over three epochs or more, or a model none of whose weights can be trained."""
    for name, history in histories.items():
        loss = [value for value in history.get("loss", ()) if value is not None]
        if len(loss) >= 3 and max(loss) > _NO_LOSS and max(loss) - min(loss) <= _FLAT * max(loss):
            yield Flag("weights_unchanged", f"the loss in '{name}' is the same in all {len(loss)} epochs")
    for name, found in models.items():
        if found.parameters and not found.trainable_parameters:
            yield Flag("weights_unchanged", f"no weight of '{name}' can be trained")


def too_fast(histories: Mapping[str, History], cpu_s: float, examples: int, calibrated: Mapping[str, float]) -> Iterable[Flag]:
    """Fewer CPU seconds than its epochs take at the very least: was the history written down instead?

    Without calibration: a fifth of an epoch of one batch, and a tenth of the examples. Keras on TensorFlow takes 27 ms and
    1.6 µs for each example for that on the machine where it was measured (docs/instructors.md).
    """
    needed, epochs = 0.0, 0
    for name, history in histories.items():
        count = _epochs(history)
        if count <= _MOST_EPOCHS:
            generic = _EPOCH_S + _EXAMPLE_S * examples
            needed += count * max(generic, _CALIBRATED_SHARE * calibrated.get(name, 0.0))
            epochs += count
    if cpu_s < needed:
        yield Flag("too_fast", f"{epochs} epochs were handed in, and the notebook used less processor time than they take")


def beyond_epoch_limit(histories: Mapping[str, History], limit: int | None) -> Iterable[Flag]:
    """More epochs in one history than the profile allows."""
    for name, history in histories.items():
        if limit is not None and limit < _epochs(history) <= _MOST_EPOCHS:
            yield Flag("beyond_epoch_limit", f"'{name}' has {_epochs(history)} epochs, {limit} are allowed")


def early_accuracy(histories: Mapping[str, History], bands: Mapping[str, Mapping[str, tuple[float, float]]]) -> Iterable[Flag]:
    """After its first epoch better than the reference ever was: did the weights come from elsewhere?"""
    for name, metrics in bands.items():
        for metric, (low, high) in metrics.items():
            first = next(iter(histories.get(name, {}).get(metric, ())), None)
            if first is not None and first > high + max(high - low, _MARGIN):
                detail = f"'{name}': {metric} {first:.2f} after the first epoch, the reference had {low:.2f} to {high:.2f}"
                yield Flag("early_accuracy", detail)


def _epochs(history: History) -> int:
    return max((len(values) for values in history.values()), default=0)
