"""No softmax at the end, the loss works on raw outputs: the network classifies well, but its rows are no probabilities."""

OUTCOME = "cell_error"
LOSES = {"network_layers": 3, "probabilities": 2}

# %% write_build_network
def build_network():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(10, activation="sigmoid"),
            keras.layers.Dense(10),
        ]
    )


network = build_network()

# %% train_recipe
recipe = build_network()
recipe.compile(optimizer="sgd", loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
recipe_history = recipe.fit(x_train_ready, y_train_ready, batch_size=100, epochs=5, verbose=0)

# %% train_best
epochs = min(40, epoch_limit)
best = build_network()
best.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.5), loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
best_history = best.fit(x_train_ready, y_train_ready, batch_size=100, epochs=epochs, validation_split=0.2, verbose=0)
