"""Much is forgotten: dropout in both networks (parameters and accuracies are right all the same, since dropout has none and digits are
easy), biases and the size of the window in the counts, the last step, the last fit, and the rate of the second Adadelta. Two counts
are swapped.
"""

OUTCOME = "cell_error"
LOSES = {
    "dense_layers": 3,
    "convolution_parameters": 3,
    "flat_length": 3,
    "convolution_multiplications": 2,
    "convolutional_layers": 3,
    "steps_per_epoch": 2,
    "agreement": 2,
    "number_of_fits": 2,
    "adadelta": 4,
}

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

# %% write_counting
def convolution_parameters(kernel, channels, filters):
    return kernel * kernel * channels * filters


def flat_length(side):
    for _ in range(2):
        side = (side - 5) // 2
    return side * side * 20


def convolution_multiplications(side, kernel, channels, filters):
    return side**2 * kernel**2 * channels * filters

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

# %% write_steps
def steps_per_epoch(examples, held_out, batch_size):
    return (examples - held_out) // batch_size

# %% write_agreement
def agreement(labels, first, second):
    one, other = first == labels, second == labels
    return tuple(int(each.sum()) for each in (one & other, ~one & other, one & ~other, ~one & ~other))

# %% write_number_of_fits
def number_of_fits(candidates, folds):
    return candidates * folds

# %% train_adadelta
few_epochs = min(3, epoch_limit)
rows, labels = x_train_rows[:search_examples], y_train_ready[:search_examples]
slow = compile_network(dense_network(), "Adadelta")
slow_history = slow.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
fast = compile_network(dense_network(), keras.optimizers.Adadelta())
fast_history = fast.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
