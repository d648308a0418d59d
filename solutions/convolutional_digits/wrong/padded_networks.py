"""Convolutions with padding="same", and mean pooling in the best network: kernels have the right size, but what is flattened has not."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"simple_network": 3, "two_convolutions": 1.33, "best_network": 2.67}

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
