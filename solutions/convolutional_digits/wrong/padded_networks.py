"""Sections 2 and 3 only. Convolutions with padding="same", and mean pooling in the best network: kernels have the right size, but what
is flattened has not."""

DEMO = True
START = "release"
OUTCOME = "cell_error"
LOSES = {
    "conv_output_size": 2,
    "conv_parameters": 3,
    "max_pooling": 4,
    "mean_pooling": 3,
    "simple_network": 3,
    "single_output": 2,
    "regularised_network": 3,
    "variants": 3,
    "two_convolutions": 1,
    "best_network": 2.67,
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

# %% write_arrange
def arrange(images, data_format):
    images = images if images.ndim == 4 else images[..., np.newaxis]
    images = np.moveaxis(images, -1, 1) if data_format == "channels_first" else images
    return images.astype("float32") / 255


x_train_ready = arrange(x_train, keras.config.image_data_format())
x_test_ready = arrange(x_test, keras.config.image_data_format())

# %% write_build_simple
def build_simple():
    return keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(10, 4, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


simple = build_simple()

# %% write_two_convolutions
def build_two_convolutions():
    return keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(10, 4, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(20, 4, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


two_convolutions = build_two_convolutions()

# %% write_build_best
def build_best():
    return keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(16, 4, padding="same", activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(32, 4, padding="same", activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


best = build_best()
