"""The functional API, and an optimizer as an object: another way to a right answer, which must earn every point."""

DEMO = True
CLAIMS = "all"

# %% write_network
images = keras.Input(shape=(784,))
hidden = keras.layers.Dense(32, activation=keras.activations.relu)(images)
network = keras.Model(images, keras.layers.Dense(10, activation="softmax")(hidden))

# %% train_network
network.compile(optimizer=keras.optimizers.RMSprop(0.002), loss=keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
history = network.fit(x_train_ready, y_train, epochs=min(20, epoch_limit), verbose=0)
