"""Keras is set to channels_first; a network within a network, Reshape instead of Flatten, epoch by epoch instead of one fit, and folds
made by hand: every point must come out.
"""

CLAIMS = "all"

# %% write_image_shape
keras.config.set_image_data_format("channels_first")


def image_shape(height, width, layout):
    return {"channels_first": (1, height, width), "channels_last": (height, width, 1)}[layout]

# %% write_dense_network
def dense_network():
    hidden = keras.Sequential([keras.Input((784,)), keras.layers.Dense(400, "relu"), keras.layers.Dense(100, "relu")], name="hidden")
    return keras.Sequential([hidden, keras.layers.Dropout(0.5), keras.layers.Dense(10, "softmax")])


dense = dense_network()

# %% write_counting
def convolution_parameters(kernel, channels, filters):
    return (kernel**2 * channels + 1) * filters


def flat_length(side):
    return 20 * (((side - 4) // 2 - 4) // 2) ** 2


def convolution_multiplications(side, kernel, channels, filters):
    each = convolution_parameters(kernel, channels, filters) - filters
    return each * (side + 1 - kernel) * (side + 1 - kernel)

# %% write_convolutional_network
def convolutional_network():
    eyes = keras.Sequential(
        [
            keras.Input(image_shape(28, 28, layout)),
            keras.layers.Conv2D(10, 5, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(20, 5, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.MaxPooling2D(),
        ],
        name="eyes",
    )
    mouth = keras.Sequential([keras.layers.Dense(320, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(10, "softmax")], name="mouth")
    picture = keras.Input(image_shape(28, 28, layout))
    return keras.Model(picture, mouth(keras.layers.Reshape((-1,))(eyes(picture))))


convolutional = convolutional_network()

# %% train_both
def train(network, inputs):
    history = {}
    for _ in range(min(10, epoch_limit)):
        one = network.fit(inputs, y_train_ready, batch_size=64, validation_split=0.2, verbose=0).history
        for metric, values in one.items():
            history.setdefault(metric, []).extend(values)
    return network, history


trained_dense, dense_history = train(compile_network(dense_network()), x_train_rows)
trained_convolutional, convolutional_history = train(compile_network(convolutional_network()), x_train_images)

# %% write_turn
def after_the_turn(loss, val_loss):
    lowest, epoch = min((value, number) for number, value in enumerate(val_loss, start=1))
    return {"epoch": epoch, "fall": np.subtract(loss[epoch - 1], loss[-1]), "rise": np.float32(val_loss[-1] - lowest)}


turns = dict(dense=after_the_turn(dense_history["loss"], dense_history["val_loss"]))
turns["convolutional"] = after_the_turn(convolutional_history["loss"], convolutional_history["val_loss"])

# %% evaluate_both
evaluation = {}
for name, network, inputs in (("dense", trained_dense, x_test_rows), ("convolutional", trained_convolutional, x_test_images)):
    loss, accuracy = network.evaluate(inputs, y_test_ready, verbose=0)
    evaluation[name] = {"loss": loss, "accuracy": accuracy}

# %% write_search
tried = []


def candidate(X, y, optimizer):
    network = compile_network(dense_network(), optimizer)
    tried.append(network)
    network.run_eagerly = brief
    return network


few_rows, few_labels = x_train_rows[:search_examples], y_train[:search_examples]
fold_of = np.arange(len(few_rows)) % folds


def fitted(optimizer, chosen):
    one_hot = keras.utils.to_categorical(few_labels[chosen], 10)
    network = candidate(few_rows[chosen], one_hot, optimizer)
    network.fit(few_rows[chosen], one_hot, epochs=1, batch_size=64, verbose=0)
    return network


def score(network, chosen):
    return np.mean(network.predict(few_rows[chosen], verbose=0).argmax(axis=1) == few_labels[chosen])

# %% write_results
fold_scores = np.array(
    [[score(fitted(name, fold_of != fold), fold_of == fold) for fold in range(folds)] for name in optimizer_names]
)
search_table = {}
for name, row in zip(optimizer_names, fold_scores):
    search_table[name] = {"mean": np.mean(row), "deviation": np.std(row)}
winner = optimizer_names[np.mean(fold_scores, axis=1).argmax()]
winner_network = fitted(winner, fold_of >= 0)
