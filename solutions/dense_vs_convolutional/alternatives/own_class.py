"""The trained convolutional network is a class of the student's own: its predictions earn all that they can, its layers cannot be looked
at.
"""

CLAIMS = [
    "image_shape",
    "prepared_images",
    "other_images",
    "one_hot_labels",
    "dense_layers",
    "dense_parameters",
    "convolution_parameters",
    "flat_length",
    "convolution_multiplications",
    "convolutional_layers",
    "convolutional_parameters",
    "compile_settings",
    "own_optimizer",
    "steps_per_epoch",
    "curves",
    "evaluation",
    "dense_accuracy",
    "convolutional_accuracy",
    "agreement",
    "number_of_fits",
    "search_table",
    "winner",
    "adadelta",
]
LOSES = {"training": 2}

# %% train_both
class DigitReader(keras.Model):
    def __init__(self):
        super().__init__()
        self.eyes = [
            keras.layers.Conv2D(10, 5, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(20, 5, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.MaxPooling2D(),
        ]
        self.mouth = [
            keras.layers.Flatten(),
            keras.layers.Dense(320, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]

    def call(self, images):
        for layer in self.eyes + self.mouth:
            images = layer(images)
        return images


epochs = min(10, epoch_limit)
trained_dense = compile_network(dense_network())
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(DigitReader())
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)
