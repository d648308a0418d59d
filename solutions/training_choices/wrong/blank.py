"""The student version, handed in untouched: nothing is earned. Execution goes on to the last cell all the same."""

DEMO = True
START = "release"
OUTCOME = "cell_error"
LOSES = {
    "perceptron": 3,
    "sigmoid": 2,
    "sigmoid_derivative": 3,
    "relu": 2,
    "softmax": 3,
    "mean_squared_error": 2,
    "binary_crossentropy": 3,
    "categorical_crossentropy": 3,
    "gradient_descent": 3,
    "network_parameters": 2,
    "forward": 3,
    "backward": 6,
    "networks": 3,
    "network_counts": 3,
    "network_settings": 2,
    "base": 2,
    "variants_compiled": 3,
    "variant_results": 3,
    "variant_table": 3,
    "dropout_training": 2,
    "learning_rates": 3,
    "widths": 3,
    "steps_per_epoch": 2,
    "batch_sizes": 2,
    "dropout_rates": 3,
    "regularization": 3,
    "long_training": 2,
    "initializers": 3,
    "best_network": 1,
    "accuracy": 6,
    "test_once": 1,
}
