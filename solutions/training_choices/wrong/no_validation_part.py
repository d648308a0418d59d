"""train forgets the validation part: no experiment has anything to be compared on, and whatever needs it is lost."""

OUTCOME = "cell_error"
LOSES = {
    "base": 1,
    "variant_results": 3,
    "variant_table": 3,
    "dropout_training": 2,
    "learning_rates": 3,
    "widths": 2.5,
    "batch_sizes": 2,
    "dropout_rates": 3,
    "regularization": 2,
    "long_training": 2,
    "initializers": 1,
    "best_network": 0.67,
}

# %% write_train
def train(network, optimizer, epochs, images=x_train_ready, labels=y_train_ready, batch_size=128):
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return network.fit(images, labels, batch_size=batch_size, epochs=epochs, verbose=0).history
