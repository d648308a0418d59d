"""Functional API, settings as objects instead of names, Adam, Keras' own tools for reshaping: every point must come out."""

DEMO = True
CLAIMS = "all"

# %% write_prepare_images
def prepare_images(images):
    flat = keras.ops.reshape(images, (images.shape[0], images.shape[1] * images.shape[2]))
    return keras.ops.convert_to_numpy(keras.ops.cast(flat, "float32") / 255.0)


x_train_ready = prepare_images(x_train)
x_test_ready = prepare_images(x_test)

# %% write_build_network
def build_network():
    pixels = keras.Input(shape=(784,), name="pixels")
    hidden = keras.layers.Dense(10, activation=keras.activations.sigmoid, name="hidden")(pixels)
    digits = keras.layers.Dense(10, activation=keras.activations.softmax, name="digits")(hidden)
    return keras.Model(pixels, digits, name="digit_reader")


network = build_network()

# %% train_recipe
recipe = build_network()
recipe.compile(
    optimizer=keras.optimizers.SGD(),
    loss=keras.losses.CategoricalCrossentropy(),
    metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
)
recipe_history = recipe.fit(x_train_ready, y_train_ready, batch_size=100, epochs=5, verbose=2)

# %% train_best
epochs = min(40, epoch_limit)
held_out = len(x_train_ready) // 5
best = build_network()
best.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss="categorical_crossentropy", metrics=["accuracy"])
best_history = best.fit(
    x_train_ready[held_out:],
    y_train_ready[held_out:],
    validation_data=(x_train_ready[:held_out], y_train_ready[:held_out]),
    batch_size=100,
    epochs=epochs,
    verbose=0,
).history

# %% predict_test
probabilities = keras.ops.convert_to_numpy(best(x_test_ready))
predicted = np.array([int(digit) for digit in to_digits(probabilities)])
