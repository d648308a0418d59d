"""Functional API, objects instead of names, a validation part cut off by hand, Keras' own tools for arrays: every point must come out."""

CLAIMS = "all"

# %% write_arrange
def as_rows(images):
    pixels = keras.ops.cast(keras.ops.convert_to_tensor(images), "float32") / 255.0
    return keras.ops.convert_to_numpy(keras.ops.reshape(pixels, (images.shape[0], images.shape[1] * images.shape[2])))


def as_images(images, layout):
    axis = 1 if layout == "channels_first" else -1
    return np.expand_dims(images.astype(np.float32) / np.float32(255), axis)


layout = keras.config.image_data_format()
x_train_rows, x_test_rows = as_rows(x_train), as_rows(x_test)
x_train_images, x_test_images = as_images(x_train, layout), as_images(x_test, layout)

# %% write_labels
y_train_ready = np.eye(10, dtype="float32")[y_train]
y_test_ready = np.eye(10, dtype="float32")[y_test]

# %% write_dense_network
def dense_network():
    pixels = keras.Input(shape=(784,))
    hidden = keras.layers.Dense(400, activation=keras.activations.relu)(pixels)
    hidden = keras.layers.Dense(100, activation=keras.activations.relu)(hidden)
    digits = keras.layers.Dense(10, activation=keras.activations.softmax)(keras.layers.Dropout(0.5)(hidden))
    return keras.Model(pixels, digits)


dense = dense_network()

# %% write_convolutional_network
def convolutional_network():
    layers = keras.layers
    picture = keras.Input(shape=x_train_images.shape[1:])
    found = layers.MaxPool2D((2, 2), strides=2)(layers.Conv2D(10, (5, 5), activation="relu", padding="valid")(picture))
    found = layers.Dropout(0.5)(layers.Conv2D(20, (5, 5), strides=1, activation="relu")(found))
    row = layers.Flatten()(layers.MaxPool2D()(found))
    return keras.Model(picture, layers.Dense(10, "softmax")(layers.Dropout(0.5)(layers.Dense(320, "relu")(row))))


convolutional = convolutional_network()

# %% write_compile_network
def compile_network(network, optimizer=None):
    network.compile(
        optimizer=optimizer or keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return network


compiled = compile_network(dense_network())

# %% write_steps
def steps_per_epoch(examples, held_out, batch_size):
    return int(np.ceil((examples - held_out) / batch_size))

# %% train_both
def train(network, inputs):
    learnt = len(inputs) * 4 // 5
    held_out = (inputs[learnt:], y_train_ready[learnt:])
    trained = compile_network(network)
    return trained, trained.fit(
        inputs[:learnt], y_train_ready[:learnt], batch_size=64, epochs=min(10, epoch_limit), validation_data=held_out, verbose=0
    )


trained_dense, dense_history = train(dense_network(), x_train_rows)
trained_convolutional, convolutional_history = train(convolutional_network(), x_train_images)

# %% write_agreement
def agreement(labels, first, second):
    right = 2 * (first == labels).astype(int) + (second == labels)
    return np.bincount(right, minlength=4)[[3, 2, 1, 0]]

# %% write_results
results = search.cv_results_
fold_scores = np.stack([results[f"split{fold}_test_score"] for fold in range(folds)], axis=1)
search_table = {
    name: {"mean": mean, "deviation": deviation}
    for name, mean, deviation in zip(optimizer_names, results["mean_test_score"], results["std_test_score"])
}
winner = search.best_params_["model_kwargs"]["optimizer"]
winner_network = search.best_estimator_.model_
