"""The student version, handed in untouched: nothing is earned. Execution goes on to the last cell all the same."""

DEMO = True
START = "release"
OUTCOME = "cell_error"
LOSES = {
    "prepared_data": 5,
    "validation_part": 4,
    "merged_layers": 4,
    "hidden_by_hand": 3,
    "exclusive_or": 4,
    "dropout_by_hand": 4,
    "network_parameters": 3,
    "softmax_network": 3,
    "one_hidden_network": 4,
    "two_hidden_network": 4,
    "recipe_compiled": 4,
    "recipe_histories": 3,
    "softmax_accuracy": 3,
    "one_hidden_accuracy": 4,
    "two_hidden_accuracy": 4,
    "accuracy_and_loss": 4,
    "both_rise": 4,
    "chance": 4,
    "comparison": 4,
    "dropout_runs": 3,
    "slim_network": 2,
    "slim_accuracy": 5,
}
