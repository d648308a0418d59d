"""Adam, the loss for yes-or-no outputs, Keras' own batches of 32: training works all the same, but the settings are not those of the recipe."""

OUTCOME = "cell_error"
LOSES = {"recipe_compiled": 4, "recipe_histories": 0.75}

# %% write_train
def train(network):
    network.compile(optimizer="adam", loss="binary_crossentropy", metrics=["categorical_accuracy"])
    epochs = min(20, epoch_limit)
    history = network.fit(x_fit, y_fit, epochs=epochs, validation_data=(x_validation, y_validation), verbose=0)
    return {key.replace("categorical_", ""): values for key, values in history.history.items()}
