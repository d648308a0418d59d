"""Dropout acts always, nothing makes up for what is missing, and in one network the rate is taken for the share that is kept."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"dropout_by_hand": 4, "one_hidden_network": 1.33}

# %% write_dropout
def dropout(values, rate, kept, training):
    return values * kept

# %% write_build_one_hidden
def build_one_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.8),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_one_hidden = build_one_hidden()
