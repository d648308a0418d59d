"""Adam, and the loss for yes-or-no outputs: training works all the same, but the compile settings are not those of the recipe."""

OUTCOME = "cell_error"
LOSES = {"recipe_compiled": 4}

# %% write_train
def train(network):
    network.compile(optimizer="adam", loss="binary_crossentropy", metrics=["categorical_accuracy"])
    epochs = min(20, epoch_limit)
    history = network.fit(x_fit, y_fit, batch_size=128, epochs=epochs, validation_data=(x_validation, y_validation), verbose=0)
    return {key.replace("categorical_", ""): values for key, values in history.history.items()}
