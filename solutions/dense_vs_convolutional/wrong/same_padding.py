"""Convolutions with a border of zeros, so that pictures keep their size: layers and counts are wrong, accuracy is not."""

OUTCOME = "cell_error"
LOSES = {"convolutional_layers": 2, "convolutional_parameters": 4, "training": 2}

# %% write_convolutional_network
def convolutional_network():
    return keras.Sequential(
        [
            keras.Input(shape=image_shape(28, 28, keras.config.image_data_format())),
            keras.layers.Conv2D(10, kernel_size=5, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Conv2D(20, kernel_size=5, activation="relu", padding="same"),
            keras.layers.Dropout(0.5),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Flatten(),
            keras.layers.Dense(320, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


convolutional = convolutional_network()
