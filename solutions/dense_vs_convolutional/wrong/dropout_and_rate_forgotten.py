"""Neither network has dropout: parameters and accuracies are right all the same, since dropout has none and digits are easy. And both Adadelta
networks keep the default rate, so that the second one does not learn either.
"""

OUTCOME = "cell_error"
LOSES = {"dense_layers": 3, "convolutional_layers": 3, "adadelta": 4}

# %% write_dense_network
def dense_network():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(400, activation="relu"),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


dense = dense_network()

# %% write_convolutional_network
def convolutional_network():
    return keras.Sequential(
        [
            keras.Input(shape=image_shape(28, 28, keras.config.image_data_format())),
            keras.layers.Conv2D(10, kernel_size=5, activation="relu"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Conv2D(20, kernel_size=5, activation="relu"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Flatten(),
            keras.layers.Dense(320, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


convolutional = convolutional_network()

# %% train_adadelta
few_epochs = min(3, epoch_limit)
rows, labels = x_train_rows[:search_examples], y_train_ready[:search_examples]
slow = compile_network(dense_network(), "Adadelta")
slow_history = slow.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
fast = compile_network(dense_network(), keras.optimizers.Adadelta())
fast_history = fast.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
