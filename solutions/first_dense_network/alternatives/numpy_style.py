"""Plain NumPy and Python: loops, np.eye, a network grown with add(), results as lists and as plain numbers. Every point must come out."""

CLAIMS = "all"

# %% write_describe_array
def describe_array(array):
    return [len(array.shape), list(array.shape), array.dtype.name]

# %% write_ink_share
def ink_share(image):
    return np.count_nonzero(image) / image.size

# %% write_digit_counts
def digit_counts(labels):
    return [int(sum(label == digit for label in labels)) for digit in range(10)]

# %% write_prepare_images
def prepare_images(images):
    rows = np.empty((len(images), images[0].size), dtype=np.float32)
    for row, image in zip(rows, images):
        row[:] = image.ravel() * np.float32(1 / 255)
    return rows


x_train_ready = prepare_images(x_train)
x_test_ready = prepare_images(x_test)

# %% write_one_hot
def one_hot(labels):
    return np.eye(10, dtype="float32")[labels]


y_train_ready = one_hot(y_train)
y_test_ready = one_hot(y_test)

# %% write_dense_parameters
def dense_parameters(inputs, units):
    return (inputs + 1) * units

# %% write_build_network
def build_network():
    model = keras.Sequential()
    model.add(keras.Input((784,)))
    model.add(keras.layers.Dense(10, "sigmoid"))
    model.add(keras.layers.Dense(10, "softmax"))
    return model


network = build_network()

# %% train_best
best = build_network()
best.compile("rmsprop", keras.losses.CategoricalCrossentropy, metrics=["acc"])
best.optimizer.learning_rate = 0.005
best_history = best.fit(x_train_ready, y_train_ready, batch_size=64, epochs=min(40, epoch_limit), validation_split=0.25, verbose=0)

# %% write_to_digits
def to_digits(probabilities):
    return [max(range(10), key=lambda digit: row[digit]) for row in probabilities]

# %% predict_test
probabilities = best.predict(x_test_ready, batch_size=500, verbose=0).astype("float64")
predicted = to_digits(probabilities)

# %% write_confusions
def count_confusions(labels, predicted):
    counts = [[0] * 10 for _ in range(10)]
    for true, answer in zip(labels, predicted):
        counts[true][answer] += 1
    return np.array(counts)


def accuracy_from(matrix):
    return sum(matrix[digit][digit] for digit in range(len(matrix))) / sum(sum(row) for row in matrix)

# %% write_binary_scores
def binary_scores(tp, tn, fp, fn):
    ill, alarms = tp + fn, tp + fp
    return (1 - (fp + fn) / (ill + tn + fp), tp / ill, tp / alarms)
