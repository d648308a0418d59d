"""The student version, handed in untouched: nothing is earned. Execution goes on to the last cell all the same."""

DEMO = True
START = "release"
OUTCOME = "cell_error"
LOSES = {
    "conv_output_size": 2,
    "conv_parameters": 3,
    "max_pooling": 4,
    "mean_pooling": 3,
    "image_layout": 4,
    "prepared_images": 3,
    "simple_network": 4,
    "single_output": 2,
    "regularised_network": 3,
    "variants": 3,
    "two_convolutions": 3,
    "best_network": 4,
    "compiled_as_asked": 3,
    "histories": 3,
    "curves": 4,
    "dropout_acts": 2,
    "comparison": 3,
    "ranking": 1,
    "choice": 4,
    "optimism": 3,
    "candidates": 1,
    "honest_misses": 1,
    "fair_threshold": 3,
    "mistakes_found": 3,
    "mistakes_counted": 2,
    "mistakes_shown": 1,
    "shifted_images": 3,
    "accuracy": 10,
    "contest_points": 4,
}
