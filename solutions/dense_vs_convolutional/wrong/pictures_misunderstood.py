"""Channels are put last without asking the layout: right on this machine, wrong for channels_first. Convolutions have a border of zeros,
so that pictures keep their size: layers and counts are wrong, accuracy is not. And one-hot labels go into the search, which refuses
them: no result, no points.
"""

OUTCOME = "cell_error"
LOSES = {
    "image_shape": 2,
    "other_images": 2,
    "convolutional_layers": 2,
    "convolutional_parameters": 4,
    "training": 2,
    "search_table": 6,
    "winner": 3,
}

# %% write_image_shape
def image_shape(height, width, layout):
    return (height, width, 1)

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

# %% write_search
tried = []


def candidate(X, y, optimizer):
    network = compile_network(dense_network(), optimizer)
    tried.append(network)
    network.run_eagerly = brief
    return network


search = GridSearchCV(
    keras.wrappers.SKLearnClassifier(candidate), {"model_kwargs": [{"optimizer": name} for name in optimizer_names]}, cv=folds
)
search.fit(x_train_rows[:search_examples], y_train_ready[:search_examples], epochs=1, batch_size=64, verbose=0)
