"""Loops and lists instead of arrays, results as plain numbers, a network grown with add(): every point must come out."""

CLAIMS = "all"

# %% write_perceptron
def perceptron(inputs, weights, bias):
    total = bias
    for value, weight in zip(inputs, weights):
        total += value * weight
    return total > 0

# %% write_sigmoid
def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))

# %% write_sigmoid_derivative
def sigmoid_derivative(z):
    return 1 / (np.exp(z / 2) + np.exp(-z / 2)) ** 2

# %% write_relu
def relu(z):
    return z * (z > 0)


def relu_derivative(z):
    return np.heaviside(z, 0)

# %% write_softmax
def softmax(z):
    rows = []
    for row in z:
        powers = [np.exp(value - max(row)) for value in row]
        rows.append([power / sum(powers) for power in powers])
    return np.array(rows)

# %% write_mean_squared_error
def mean_squared_error(y, p):
    return sum((a - b) ** 2 for a, b in zip(np.ravel(y), np.ravel(p))) / np.size(y)

# %% write_binary_crossentropy
def binary_crossentropy(y, p):
    losses = []
    for answer, probability in zip(y, p):
        right = probability if answer == 1 else 1 - probability
        losses.append(-np.log(min(max(right, 1e-7), 1 - 1e-7)))
    return np.mean(losses)

# %% write_categorical_crossentropy
def categorical_crossentropy(y, p):
    right = (y * p).sum(axis=1)
    return -np.log(np.maximum(right, 1e-7)).mean()

# %% write_descent
def gradient_step(weights, gradient, rate):
    return -rate * gradient + weights


def descend(start, rate, steps):
    return [3 + (start - 3) * (1 - 2 * rate) ** step for step in range(steps + 1)]

# %% write_network_parameters
def network_parameters(inputs, widths):
    if len(widths) == 0:
        return 0
    return (inputs + 1) * widths[0] + network_parameters(widths[0], widths[1:])

# %% write_backward
def backward(x, y, w1, b1, w2, b2):
    gradients = [np.zeros_like(weights) for weights in (w1, b1, w2, b2)]
    for example, label in zip(x, y):
        z1 = example @ w1 + b1
        hidden = relu(z1)
        slope2 = softmax((hidden @ w2 + b2)[None])[0] - label
        slope1 = relu_derivative(z1) * (w2 @ slope2)
        for total, part in zip(gradients, (np.outer(example, slope1), slope1, np.outer(hidden, slope2), slope2)):
            total += part / len(x)
    return gradients

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential()
    network.add(keras.Input((784,)))
    for units in hidden:
        network.add(keras.layers.Dense(units, "relu", kernel_initializer=initializer, kernel_regularizer=regularizer))
        if dropout != 0:
            network.add(keras.layers.Dropout(dropout))
    network.add(keras.layers.Dense(10, "softmax", kernel_initializer=initializer))
    return network

# %% make_variant_table
variant_table = {}
for variant in variant_results:
    curves = variant_results[variant]
    variant_table[variant] = {
        "epochs": len(curves["accuracy"]),
        "training": round(curves["accuracy"][-1], 4),
        "validation": round(curves["val_accuracy"][-1], 4),
    }

# %% try_batches
def steps_per_epoch(examples, batch_size):
    return -(-examples // batch_size)


batch_results = {str(base_size): base_history for base_size in [128]}
for size in [32, 512]:
    batch_results[str(size)] = train(
        build_network(), "adam", epochs=min(10, epoch_limit), images=few_images, labels=few_labels, batch_size=size
    )

# %% try_dropout
def gone_through(net):
    net.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    log = net.fit(few_images, few_labels, batch_size=128, epochs=min(10, epoch_limit), validation_split=0.2, verbose=0)
    return {metric: [round(value, 5) for value in values] for metric, values in log.history.items()}


dropout_results = {"0": base_history, ".3": gone_through(build_network((128, 128), 0.3)), "0.60": gone_through(build_network(dropout=0.6))}
dropout_gaps = {}
for key in dropout_results:
    *_, learnt = dropout_results[key]["accuracy"]
    *_, held_out = dropout_results[key]["val_accuracy"]
    dropout_gaps[key] = learnt - held_out

# %% train_long
long_history = train(build_network(), "adam", min(60, epoch_limit), few_images, few_labels)
best_epoch, lowest = 1, long_history["val_loss"][0]
for number, value in enumerate(long_history["val_loss"], start=1):
    if value < lowest:
        best_epoch, lowest = number, value
