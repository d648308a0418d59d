"""No dropout layers at all: layers and rates are wrong, and calls with training=True give the same thirty times."""

OUTCOME = "cell_error"
LOSES = {"one_hidden_network": 2.67, "two_hidden_network": 2.67, "dropout_runs": 2}

# %% write_build_one_hidden
def build_one_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_one_hidden = build_one_hidden()

# %% write_build_two_hidden
def build_two_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_two_hidden = build_two_hidden()
