"""Keras' own operations in place of NumPy, networks grown with add(), and a training loop of one's own in the contest: every point must come out."""

CLAIMS = "all"

# %% write_pooling
def pooled(image, pool):
    result = pool(keras.ops.convert_to_tensor(image[None, ..., None], "float32"), 2, 2, "valid", data_format="channels_last")
    return keras.ops.convert_to_numpy(result)[0, ..., 0]


def max_pool(image):
    return pooled(image, keras.ops.max_pool)


def mean_pool(image):
    return pooled(image, keras.ops.average_pool)

# %% write_arrange
def arrange(images, data_format):
    tensor = keras.ops.cast(images if images.ndim == 4 else images[:, :, :, None], "float32") / 255
    if data_format == "channels_first":
        tensor = keras.ops.moveaxis(tensor, 3, 1)
    return keras.ops.convert_to_numpy(tensor)


x_train_ready = arrange(x_train, keras.backend.image_data_format())
x_test_ready = arrange(x_test, keras.backend.image_data_format())

# %% write_build_simple
def start(filters, **options):
    network = keras.Sequential()
    network.add(keras.Input(x_train_ready.shape[1:]))
    network.add(layers.Conv2D(filters, (4, 4), (1, 1), "valid", activation="relu", **options))
    return network


def build_simple():
    network = start(10)
    network.add(layers.Flatten())
    network.add(layers.Dense(100, "relu"))
    network.add(layers.Dense(10, "softmax"))
    return network


simple = build_simple()

# %% write_train
def train(network, epochs, callbacks=()):
    network.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    network.optimizer.learning_rate = 1e-3
    return network.fit(
        keras.ops.convert_to_tensor(x_few), y_few, batch_size=50, epochs=epochs, validation_data=(x_validation, y_validation), callbacks=[*callbacks], verbose=0
    )

# %% write_differences
def difference(network, images, training):
    return keras.ops.max(keras.ops.abs(network(images, training=training) - network(images, training=training)))

# %% write_mistakes
def mistakes(probabilities, labels):
    answers = keras.ops.convert_to_numpy(keras.ops.argmax(probabilities, axis=-1))
    order = np.argsort(probabilities.max(axis=-1))[::-1]
    return order[(answers != labels)[order]]

# %% write_counts
def count_by_digit(positions, labels):
    return keras.ops.convert_to_numpy(keras.ops.sum(keras.ops.one_hot(labels[positions], 10), axis=0)).astype(int)

# %% train_contest
contest = build_best()
contest.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
contest_history = {"loss": [], "val_accuracy": []}
order = np.random.default_rng(seed)
for epoch in range(min(10, epoch_limit)):
    move = ((1, 0), (0, 1), (-1, 0), (0, -1))[epoch % 4]
    images = np.concatenate([x_fit, arrange(shift(x_train[:-held_out], *move), keras.config.image_data_format())])
    rows = order.permutation(len(images))
    labels = np.concatenate([y_fit, y_fit])
    losses = [contest.train_on_batch(images[part], labels[part])[0] for part in np.array_split(rows, max(1, len(rows) // 100))]
    contest_history["loss"].append(float(np.mean(losses)))
    contest_history["val_accuracy"].append(contest.evaluate(x_validation, y_validation, batch_size=500, verbose=0)[1])

# %% write_pseudonym
pseudonym = "Emmy N."
