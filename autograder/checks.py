"""Checks that notebooks and graders share: the same function, the same message on both sides.

    from autograder.checks import expect_parameters
    expect_parameters(model, per_layer=[7_850, 110], total=7_960)

Each raises CheckFailed, an AssertionError, when it does not hold: "Layer 2 'dense_1' has 100 parameters, 110 expected: is
its bias missing?" So does a value of a wrong kind, whatever it is; nothing else is ever raised because of what was handed
in. Where a model is asked for, a `ModelDescription` (in graders) or a Keras model (in notebooks) will do; where an array is
asked for, also a tensor or a sample of a large hand-in. Importing this module imports neither Keras nor TensorFlow.
"""

from autograder import (
    _check_classifiers,
    _check_evaluation,
    _check_experiments,
    _check_layers,
    _check_models,
    _check_values,
    _check_weights,
)
from autograder._check_classifiers import accuracy, confusion_matrix
from autograder._check_evaluation import cross_entropies
from autograder._check_failed import CheckFailed, complaint
from autograder._check_models import training_curves
from autograder._check_regression import mean_absolute_error
from autograder._check_shown import shown

__all__ = [
    "CheckFailed",
    "accuracy",
    "complaint",
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
    "expect_learnt",
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
    "training_curves",
]

expect_learnt = shown(_check_classifiers.expect_learnt)
expect_loss = shown(_check_evaluation.expect_loss)
expect_number = shown(_check_evaluation.expect_number)
expect_experiment = shown(_check_experiments.expect_experiment)
expect_table = shown(_check_experiments.expect_table)
expect_convolutions = shown(_check_layers.expect_convolutions)
expect_dropout = shown(_check_layers.expect_dropout)
expect_pooling = shown(_check_layers.expect_pooling)
expect_activations = shown(_check_models.expect_activations)
expect_compiled = shown(_check_models.expect_compiled)
expect_history = shown(_check_models.expect_history)
expect_layers = shown(_check_models.expect_layers)
expect_output_shape = shown(_check_models.expect_output_shape)
expect_parameters = shown(_check_models.expect_parameters)
expect_units = shown(_check_models.expect_units)
expect_close = shown(_check_values.expect_close)
expect_dtype = shown(_check_values.expect_dtype)
expect_equal = shown(_check_values.expect_equal)
expect_one_hot = shown(_check_values.expect_one_hot)
expect_range = shown(_check_values.expect_range)
expect_shape = shown(_check_values.expect_shape)
expect_initializers = shown(_check_weights.expect_initializers)
expect_regularizers = shown(_check_weights.expect_regularizers)
