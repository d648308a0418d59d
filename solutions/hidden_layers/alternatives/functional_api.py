"""Functional API, settings as objects instead of names, Keras' own tools for arrays, `evaluate` for the table: every point must come out."""

DEMO = True
CLAIMS = "all"

# %% write_prepare
def prepare(images, labels):
    pixels = keras.ops.cast(keras.ops.reshape(images, (images.shape[0], -1)), "float32") / 255.0
    digits = keras.ops.one_hot(keras.ops.cast(labels, "int32"), 10)
    return keras.ops.convert_to_numpy(pixels), keras.ops.convert_to_numpy(digits)


x_train_ready, y_train_ready = prepare(x_train, y_train)
x_test_ready, y_test_ready = prepare(x_test, y_test)

# %% write_hidden_network
def hidden_network(x, w1, b1, w2, b2):
    hidden = keras.ops.relu(keras.ops.matmul(x, w1) + b1)
    return keras.ops.convert_to_numpy(keras.ops.matmul(hidden, w2) + b2)

# %% write_build_softmax_only
def build_softmax_only():
    pixels = keras.Input(shape=(784,), name="pixels")
    digits = keras.layers.Dense(10, activation=keras.activations.softmax)(pixels)
    return keras.Model(pixels, digits, name="softmax_only")


new_softmax_only = build_softmax_only()

# %% write_build_one_hidden
def build_one_hidden():
    pixels = keras.Input(shape=(784,), name="pixels")
    hidden = keras.layers.Dense(512, activation=keras.activations.relu)(pixels)
    hidden = keras.layers.Dropout(rate=0.2)(hidden)
    digits = keras.layers.Dense(10, activation=keras.activations.softmax)(hidden)
    return keras.Model(pixels, digits, name="one_hidden")


new_one_hidden = build_one_hidden()

# %% write_build_two_hidden
def build_two_hidden():
    pixels = keras.Input(shape=(784,), name="pixels")
    hidden = pixels
    for number in (1, 2):
        hidden = keras.layers.Dense(512, activation="relu", name=f"hidden_{number}")(hidden)
        hidden = keras.layers.Dropout(0.2, name=f"dropout_{number}")(hidden)
    digits = keras.layers.Dense(10, activation="softmax", name="digits")(hidden)
    return keras.Model(pixels, digits, name="two_hidden")


new_two_hidden = build_two_hidden()

# %% write_train
def train(network):
    network.compile(
        optimizer=keras.optimizers.RMSprop(),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    epochs = min(20, epoch_limit)
    return network.fit(x_fit, y_fit, epochs=epochs, batch_size=128, validation_data=(x_validation, y_validation), verbose=2)

# %% write_comparison
comparison = {}
for name, network in {"softmax_only": softmax_only, "one_hidden": one_hidden, "two_hidden": two_hidden}.items():
    loss, accuracy = network.evaluate(x_test_ready, y_test_ready, verbose=0)
    comparison[name] = dict(parameters=network.count_params(), accuracy=accuracy, loss=loss)

# %% write_slim
pixels = keras.Input(shape=(784,))
hidden = keras.layers.Dense(60, activation="gelu")(pixels)
hidden = keras.layers.Dense(30, activation="tanh")(hidden)
slim = keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(hidden))
slim.compile(optimizer="nadam", loss="categorical_crossentropy", metrics=["accuracy"])
slim.fit(
    x_fit, y_fit, batch_size=32, epochs=min(10, epoch_limit), validation_data=(x_validation, y_validation), verbose=0
)
