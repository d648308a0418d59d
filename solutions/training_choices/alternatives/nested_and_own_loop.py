"""A network inside a network, one epoch of fit after the other, and a training loop of one's own for the last one: every point must come out."""

CLAIMS = "all"

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    layers = []
    for units in hidden:
        layers.append(keras.layers.Dense(units, activation="relu", kernel_initializer=initializer, kernel_regularizer=regularizer))
        if dropout > 0:
            layers.append(keras.layers.Dropout(dropout))
    body = [keras.Sequential([keras.Input(shape=(784,)), *layers])] if layers else []
    return keras.Sequential([keras.Input(shape=(784,)), *body, keras.layers.Dense(10, activation="softmax", kernel_initializer=initializer)])

# %% train_long
longer, long_history = build_network(), {}
longer.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
for _ in range(min(60, epoch_limit)):
    for metric, values in longer.fit(few_images, few_labels, batch_size=128, validation_split=0.2, verbose=0).history.items():
        long_history[metric] = [*long_history.get(metric, []), *values]
best_epoch = np.argmin(long_history["val_loss"]) + 1

# %% train_best
import tensorflow as tf

best = build_network(hidden=(128,))
adam = keras.optimizers.Adam(0.003)
learnt_from = int(0.8 * len(x_train_ready))


@tf.function
def step(images, labels):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(labels, best(images, training=True)))
    adam.apply_gradients(zip(tape.gradient(loss, best.trainable_variables), best.trainable_variables))
    return loss


best_history = {"loss": [], "val_loss": [], "val_accuracy": []}
order = np.random.default_rng(seed)
for epoch in range(min(20, epoch_limit)):
    shuffled = order.permutation(learnt_from)
    losses = [float(step(x_train_ready[rows], y_train_ready[rows])) for rows in np.array_split(shuffled, learnt_from // 50)]
    answers = keras.ops.convert_to_numpy(best(x_train_ready[learnt_from:]))
    best_history["loss"].append(np.mean(losses))
    best_history["val_loss"].append(categorical_crossentropy(y_train_ready[learnt_from:], answers))
    best_history["val_accuracy"].append((answers.argmax(axis=1) == y_train[learnt_from:]).mean())

# %% test_best
test_accuracy = np.mean(keras.ops.convert_to_numpy(best(x_test_ready)).argmax(axis=1) == y_test)
