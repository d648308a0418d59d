"""A misspelt layer: every network with dropout is lost, and so is what needs one trained; the rest, the contest included, counts."""

OUTCOME = "cell_error"
LOSES = {
    "regularised_network": 3,
    "variants": 3,
    "compiled_as_asked": 1.5,
    "histories": 3,
    "curves": 2,
    "dropout_acts": 2,
    "comparison": 3,
    "candidates": 1,
    "mistakes_shown": 1,
    "accuracy": 9,
    "contest_points": 4,
}

# %% write_build_regularised
def build_regularised(*widths):
    network = keras.Sequential([keras.Input(shape=x_train_ready.shape[1:]), layers.Conv2D(10, 4, activation="relu"), layers.Flatten()])
    network.add(layers.DropOut(0.5))
    for width in widths:
        network.add(layers.Dense(width, activation="relu"))
    network.add(layers.Dense(10, activation="softmax"))
    return network


regularised = build_regularised(100)
wide = build_regularised(200)
narrow = build_regularised(50)
deeper = build_regularised(50, 50)

# %% train_contest
contest = build_best()
contest.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
contest_history = contest.fit(x_fit, y_fit, batch_size=200, epochs=1, validation_data=(x_validation, y_validation), verbose=0)
