"""Mistakes by hand: the tutorial's slope left as it was found, sums instead of means, no limit for softmax, relu forgotten on the way back."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {
    "sigmoid_derivative": 3,
    "softmax": 1,
    "mean_squared_error": 2,
    "binary_crossentropy": 3,
    "categorical_crossentropy": 3,
    "backward": 3.6,
    "steps_per_epoch": 2,
}

# %% write_sigmoid_derivative
def sigmoid_derivative(z):
    return z * (1 - z)

# %% write_softmax
def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

# %% write_mean_squared_error
def mean_squared_error(y, p):
    return np.sum((y - p) ** 2)

# %% write_binary_crossentropy
def binary_crossentropy(y, p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

# %% write_categorical_crossentropy
def categorical_crossentropy(y, p):
    return -np.sum(y * np.log(np.clip(p, 1e-7, 1 - 1e-7)))

# %% write_backward
def backward(x, y, w1, b1, w2, b2):
    hidden = relu(x @ w1 + b1)
    slope2 = (softmax(hidden @ w2 + b2) - y) / len(x)
    slope1 = slope2 @ w2.T
    return x.T @ slope1, slope1.sum(axis=0), hidden.T @ slope2, slope2.sum(axis=0)

# %% try_batches
def steps_per_epoch(examples, batch_size):
    return examples // batch_size


batch_results = {"128": base_history}
for batch_size in (32, 512):
    batch_results[str(batch_size)] = train(build_network(), "adam", min(10, epoch_limit), few_images, few_labels, batch_size)
