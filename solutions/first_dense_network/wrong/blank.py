"""The student version, handed in untouched: nothing is earned. Execution goes on to the last cell all the same."""

DEMO = True
START = "release"
OUTCOME = "cell_error"
LOSES = {
    "describe_array": 4,
    "ink_share": 3,
    "digit_counts": 4,
    "prepared_images": 7,
    "prepare_other_images": 4,
    "one_hot_labels": 6,
    "dense_parameters": 4,
    "network_layers": 6,
    "network_parameters": 5,
    "recipe_compiled": 4,
    "recipe_history": 4,
    "best_network": 3,
    "accuracy": 10,
    "to_digits": 3,
    "probabilities": 5,
    "confusion_matrix": 5,
    "accuracy_from_matrix": 2,
    "binary_scores": 3,
}
