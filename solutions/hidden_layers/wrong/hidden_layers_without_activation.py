"""relu is forgotten in all hidden layers: each network is no more than one layer, and on few images nearly as accurate all the same."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"one_hidden_network": 1.33, "two_hidden_network": 1.33, "slim_network": 0.5}

# %% write_build_one_hidden
def build_one_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_one_hidden = build_one_hidden()

# %% write_build_two_hidden
def build_two_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(512),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_two_hidden = build_two_hidden()

# %% write_slim
slim = keras.Sequential([keras.Input(shape=(784,)), keras.layers.Dense(75), keras.layers.Dense(10, activation="softmax")])
slim.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
slim.fit(x_fit, y_fit, epochs=min(12, epoch_limit), verbose=0)
