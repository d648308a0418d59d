"""The best network is a class of the student's own: its predictions earn all that they can, its layers cannot be looked at."""

CLAIMS = [
    "describe_array", "ink_share", "digit_counts", "prepared_images", "prepare_other_images", "one_hot_labels", "dense_parameters",
    "network_layers", "network_parameters", "recipe_compiled", "recipe_history", "accuracy", "to_digits", "probabilities",
    "confusion_matrix", "accuracy_from_matrix", "binary_scores",
]
LOSES = {"best_network": 2}

# %% train_best
class DigitReader(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = keras.layers.Dense(10, activation="sigmoid")
        self.digits = keras.layers.Dense(10, activation="softmax")

    def call(self, pixels):
        return self.digits(self.hidden(pixels))


epochs = min(40, epoch_limit)
best = DigitReader()
best.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss="categorical_crossentropy", metrics=["accuracy"])
best_history = best.fit(x_train_ready, y_train_ready, batch_size=100, epochs=epochs, validation_split=0.2, verbose=0)
