"""Checks that notebooks and graders share: the same function, the same message on both sides.

    from autograder.checks import expect_parameters
    expect_parameters(model, per_layer=[7_850, 110], total=7_960)

Each raises CheckFailed, an AssertionError, when it does not hold: "Layer 2 'dense_1' has 100 parameters, 110 expected: is
its bias missing?" So does a value of a wrong kind, whatever it is; nothing else is ever raised because of what was handed
in. Where a model is asked for, a `ModelDescription` (in graders) or a Keras model (in notebooks) will do; where an array is
asked for, also a tensor or a sample of a large hand-in. Importing this module imports neither Keras nor TensorFlow.
"""

from autograder._check_classifiers import accuracy, confusion_matrix
from autograder._check_evaluation import cross_entropies, expect_loss, expect_number
from autograder._check_experiments import expect_experiment, expect_table
from autograder._check_failed import CheckFailed
from autograder._check_layers import expect_convolutions, expect_dropout, expect_pooling
from autograder._check_models import (
    expect_activations,
    expect_compiled,
    expect_history,
    expect_layers,
    expect_output_shape,
    expect_parameters,
    expect_units,
)
from autograder._check_regression import mean_absolute_error
from autograder._check_values import (
    expect_close,
    expect_dtype,
    expect_equal,
    expect_one_hot,
    expect_range,
    expect_shape,
)
from autograder._check_weights import expect_initializers, expect_regularizers

__all__ = [
    "CheckFailed",
    "accuracy",
    "confusion_matrix",
    "cross_entropies",
    "expect_activations",
    "expect_close",
    "expect_compiled",
    "expect_convolutions",
    "expect_dropout",
    "expect_dtype",
    "expect_equal",
    "expect_experiment",
    "expect_history",
    "expect_initializers",
    "expect_layers",
    "expect_loss",
    "expect_number",
    "expect_one_hot",
    "expect_output_shape",
    "expect_parameters",
    "expect_pooling",
    "expect_range",
    "expect_regularizers",
    "expect_shape",
    "expect_table",
    "expect_units",
    "mean_absolute_error",
]
