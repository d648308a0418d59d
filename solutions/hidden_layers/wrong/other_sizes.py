"""A hidden layer of 500 units instead of 512, and `slim` with as many: both read well, and both have another size than asked for."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"one_hidden_network": 1.33, "slim_network": 1, "slim_accuracy": 5}

# %% write_build_one_hidden
def build_one_hidden():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(500, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


new_one_hidden = build_one_hidden()

# %% write_slim
slim = build_one_hidden()
slim.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
slim.fit(x_fit, y_fit, batch_size=128, epochs=min(3, epoch_limit), verbose=0)
