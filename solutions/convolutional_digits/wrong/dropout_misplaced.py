"""Dropout stands behind the hidden layers instead of before the dense part, and in two networks keeps where it should drop. Counts are right."""

LOSES = {"regularised_network": 1.5, "variants": 4, "two_convolutions": 1.33, "best_network": 1.33}
OUTCOME = "cell_error"

# %% write_build_regularised
def build_regularised(*widths):
    hidden = [layers.Dense(width, activation="relu") for width in widths]
    return keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(10, 4, activation="relu"),
            layers.Flatten(),
            *hidden,
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


regularised = build_regularised(100)
wide = build_regularised(200)
narrow = build_regularised(50)
deeper = build_regularised(50, 50)

# %% write_two_convolutions
def build_two_convolutions():
    return keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(10, 4, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.5),
            layers.Conv2D(20, 4, activation="relu"),
            layers.Flatten(),
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
            layers.Conv2D(16, 4, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 4, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.6),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


best = build_best()
