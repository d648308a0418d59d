"""The student version, handed in untouched: nothing is earned."""

START = "release"
OUTCOME = "cell_error"
LOSES = {
    "image_shape": 2,
    "prepared_images": 4,
    "other_images": 5,
    "one_hot_labels": 2,
    "dense_layers": 4,
    "dense_parameters": 3,
    "convolution_parameters": 3,
    "flat_length": 3,
    "convolution_multiplications": 2,
    "convolutional_layers": 6,
    "convolutional_parameters": 4,
    "compile_settings": 4,
    "own_optimizer": 4,
    "steps_per_epoch": 2,
    "training": 4,
    "curves": 2,
    "evaluation": 3,
    "dense_accuracy": 6,
    "convolutional_accuracy": 7,
    "agreement": 2,
    "number_of_fits": 2,
    "search_table": 6,
    "winner": 3,
    "adadelta": 5,
}
