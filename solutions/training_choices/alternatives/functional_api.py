"""Functional API, settings as objects instead of names, Keras' own functions for the mathematics: every point must come out."""

DEMO = True
CLAIMS = "all"

# %% write_sigmoid
def sigmoid(z):
    return keras.ops.convert_to_numpy(keras.ops.sigmoid(z))

# %% write_relu
def relu(z):
    return np.where(z > 0, z, 0.0)


def relu_derivative(z):
    return z > 0

# %% write_softmax
def softmax(z):
    return np.stack([np.exp(row - np.logaddexp.reduce(row)) for row in z])

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input(shape=(784,), name="pixels")
    signal = pixels
    for number, units in enumerate(hidden, start=1):
        signal = keras.layers.Dense(
            units,
            activation=keras.activations.relu,
            kernel_initializer=initializer,
            kernel_regularizer=regularizer,
            name=f"hidden_{number}",
        )(signal)
        if dropout:
            signal = keras.layers.Dropout(rate=dropout)(signal)
    digits = keras.layers.Dense(10, activation=keras.activations.softmax, kernel_initializer=initializer, name="digits")(signal)
    return keras.Model(pixels, digits)

# %% write_train
def train(network, optimizer, epochs, images=x_train_ready, labels=y_train_ready, batch_size=128):
    network.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    held_out = int(0.8 * len(images))
    fitted = network.fit(
        images[:held_out],
        labels[:held_out],
        validation_data=(images[held_out:], labels[held_out:]),
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
    )
    return {metric: list(values) for metric, values in fitted.history.items()}

# %% train_variants
choices = {
    "softmax_sgd": ((), 0.0, keras.optimizers.SGD, 30),
    "hidden_sgd": ((128, 128), 0.0, keras.optimizers.SGD, 20),
    "dropout_sgd": ((128, 128), 0.3, keras.optimizers.SGD, 20),
    "dropout_sgd_long": ((128, 128), 0.3, keras.optimizers.SGD, 60),
    "dropout_rmsprop": ((128, 128), 0.3, keras.optimizers.RMSprop, 20),
    "dropout_adam": ((128, 128), 0.3, keras.optimizers.Adam, 20),
}
variant_results = {}
for variant, (widths, rate, optimizer, wanted) in choices.items():
    globals()[variant] = build_network(hidden=widths, dropout=rate)
    variant_results[variant] = train(globals()[variant], optimizer(), min(wanted, epoch_limit))

# %% try_rates
rate_results = {"1e-03": base_history}
for power in (-4, -2, -1):
    rate_results[f"1e{power:03}"] = train(
        build_network(), keras.optimizers.Adam(10.0**power), min(10, epoch_limit), few_images, few_labels
    )
reached = [(curves["val_accuracy"][-1], float(rate)) for rate, curves in rate_results.items()]
best_rate = max(reached)[1]

# %% train_best
best = build_network(hidden=(256,))
best.compile(optimizer=keras.optimizers.RMSprop(0.002), loss="categorical_crossentropy", metrics=["acc"])
best_history = best.fit(x_train_ready, y_train_ready, validation_split=0.1, batch_size=32, epochs=min(10, epoch_limit), verbose=0)

# %% test_best
_, test_accuracy = best.evaluate(x_test_ready, y_test_ready, verbose=0)
