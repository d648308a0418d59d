"""Loops and plain Python, networks grown with add(), activations and softmax as layers of their own, lists as answers: every point must come out."""

CLAIMS = "all"

# %% write_prepare
def prepare(images, labels):
    rows = np.empty((len(images), images[0].size), dtype=np.float32)
    digits = np.zeros((len(labels), 10))
    for at, (image, label) in enumerate(zip(images, labels)):
        rows[at] = image.ravel() * np.float32(1 / 255)
        digits[at, label] = 1
    return [rows, digits]


x_train_ready, y_train_ready = prepare(x_train, y_train)
x_test_ready, y_test_ready = prepare(x_test, y_test)

# %% write_split_off
def split_off(x, y, share):
    held_out = round(share * len(x))
    if held_out == 0:
        return [x, y], [x[:0], y[:0]]
    return [x[:-held_out], y[:-held_out]], [x[-held_out:], y[-held_out:]]


(x_fit, y_fit), (x_validation, y_validation) = split_off(x_train_ready, y_train_ready, 1 / 6)

# %% write_merge_layers
def merge_layers(w1, b1, w2, b2):
    weights = [[sum(row[k] * w2[k][j] for k in range(len(w2))) for j in range(len(b2))] for row in w1]
    biases = [sum(b1[k] * w2[k][j] for k in range(len(w2))) + b2[j] for j in range(len(b2))]
    return np.array(weights), np.array(biases)

# %% write_hidden_network
def hidden_network(x, w1, b1, w2, b2):
    hidden = np.dot(x, w1) + b1
    hidden[hidden < 0] = 0
    return np.dot(hidden, w2) + b2

# %% write_exclusive_or
exclusive_or = (
    np.array([[1, -1], [-1, 1]]),  # each unit speaks up when its own input is on and the other one is off
    np.zeros(2),
    np.ones((2, 1)),
    np.zeros(1),
)

# %% write_dropout
def dropout(values, rate, kept, training):
    return np.where(kept, values / (1 - rate), 0) if training else values

# %% write_network_parameters
def network_parameters(widths):
    total = 0
    for place in range(1, len(widths)):
        total += (widths[place - 1] + 1) * widths[place]
    return total

# %% write_build_softmax_only
def build_softmax_only():
    model = keras.Sequential()
    model.add(keras.Input((784,)))
    model.add(keras.layers.Dense(10))
    model.add(keras.layers.Softmax())
    return model


new_softmax_only = build_softmax_only()

# %% write_build_one_hidden
def build_one_hidden():
    model = keras.Sequential()
    model.add(keras.layers.InputLayer(shape=(784,)))
    model.add(keras.layers.Dense(512))
    model.add(keras.layers.Activation("relu"))
    model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(10))
    model.add(keras.layers.Activation("softmax"))
    return model


new_one_hidden = build_one_hidden()

# %% write_build_two_hidden
def build_two_hidden():
    model = keras.Sequential([keras.Input((784,))])
    for _ in range(2):
        model.add(keras.layers.Dense(512))
        model.add(keras.layers.ReLU())
        model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


new_two_hidden = build_two_hidden()

# %% write_train
def train(network):
    network.compile("RMSprop", "categorical_crossentropy", metrics=["acc"])
    together = {}
    for _ in range(min(20, epoch_limit)):
        done = network.fit(x_fit, y_fit, batch_size=128, validation_data=(x_validation, y_validation), verbose=0)
        for key, values in done.history.items():
            together.setdefault(key.replace("acc", "accuracy"), []).extend(values)
    return together

# %% write_accuracy_and_loss
def accuracy_and_loss(probabilities, labels):
    right, loss = 0, 0.0
    for row, label in zip(probabilities, labels):
        right += int(max(range(len(row)), key=lambda place: row[place]) == label)
        loss -= float(np.log(max(float(row[label]), 1e-7)))
    return [right / len(labels), loss / len(labels)]

# %% write_both_rise
before = np.array([[0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0, 0, 1], [1, 0, 0]], dtype="float32")
after = np.array([[0.5, 0.4, 0.1], [1.0, 0.0, 0.0], [0, 0, 1], [1, 0, 0]], dtype="float32")

# %% write_chance
def standard_error(accuracy, n):
    return (accuracy * (1 - accuracy) / n) ** 0.5


def clear_difference(first, second, n):
    variance = standard_error(first, n) ** 2 + standard_error(second, n) ** 2
    return (first - second) ** 2 > 4 * variance

# %% write_comparison
def measured(network):
    accuracy, loss = accuracy_and_loss(network.predict(x_test_ready, batch_size=500, verbose=0), y_test)
    return {"loss": round(loss, 3), "accuracy": round(accuracy, 4), "parameters": float(network.count_params())}


comparison = {
    "one_hidden": measured(one_hidden),
    "softmax_only": measured(softmax_only),
    "two_hidden": measured(two_hidden),
}

# %% write_dropout_runs
quiet = np.array([one_hidden.predict(x_test_ready[:100], verbose=0) for _ in range(2)])
noisy = np.zeros((30, len(x_test_ready[:100]), 10))
for call in range(30):
    noisy[call] = np.array(one_hidden(x_test_ready[:100], training=True))
