"""Three epochs without a validation part instead of twenty with one, and `slim` in steps so small that it can only guess."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"recipe_histories": 2.25, "slim_accuracy": 5}

# %% write_train
def train(network):
    network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return network.fit(x_fit, y_fit, batch_size=128, epochs=min(3, epoch_limit), verbose=0)

# %% write_slim
slim = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Dense(72, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
slim.compile(optimizer=keras.optimizers.SGD(learning_rate=1e-5), loss="categorical_crossentropy", metrics=["accuracy"])
slim.fit(x_fit, y_fit, batch_size=128, epochs=min(12, epoch_limit), verbose=0)
