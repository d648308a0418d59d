"""Functional API, Reshape for Flatten, objects for names, another optimizer in the contest: every point must come out."""

DEMO = True
CLAIMS = "all"

# %% write_conv_output_size
def conv_output_size(n, k):
    return len(range(k, n + 1))

# %% write_conv_parameters
def conv_parameters(k, channels, filters):
    return (k**2 * channels + 1) * filters

# %% write_pooling
def corners(image):
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    return [image[row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]


def max_pool(image):
    return np.maximum.reduce(corners(image))


def mean_pool(image):
    return sum(corners(image)) / 4

# %% write_arrange
def arrange(images, data_format):
    axis = 1 if data_format == "channels_first" else 3
    if images.ndim == 4:
        images = images.transpose(0, 3, 1, 2) if axis == 1 else images
    else:
        images = np.expand_dims(images, axis)
    return images.astype(np.float32) / np.float32(255)


x_train_ready, x_test_ready = (arrange(images, keras.config.image_data_format()) for images in (x_train, x_test))

# %% write_build_simple
def build_simple():
    pixels = keras.Input(x_train_ready.shape[1:], name="pixels")
    features = layers.Conv2D(filters=10, kernel_size=(4, 4), activation=keras.activations.relu, name="features")(pixels)
    hidden = layers.Dense(100, activation=keras.activations.relu, name="hidden")(layers.Reshape((-1,))(features))
    return keras.Model(pixels, layers.Dense(10, activation=keras.activations.softmax, name="digits")(hidden), name="simple")


simple = build_simple()

# %% write_single
single = float(np.exp(3.0) / np.exp([3.0]).sum())

# %% write_build_regularised
def build_regularised(*widths):
    pixels = keras.Input(x_train_ready.shape[1:])
    flow = layers.Dropout(rate=0.5)(layers.Conv2D(10, (4, 4), activation="relu")(pixels))
    flow = layers.Flatten()(flow)
    for width in widths:
        flow = layers.Dense(width, "relu")(flow)
    return keras.Model(pixels, layers.Dense(10, "softmax")(flow))


regularised, wide, narrow, deeper = build_regularised(100), build_regularised(200), build_regularised(50), build_regularised(50, 50)

# %% write_two_convolutions
def build_two_convolutions():
    pixels = keras.Input(x_train_ready.shape[1:])
    flow = layers.MaxPool2D()(layers.Conv2D(10, 4, activation="relu")(pixels))
    flow = layers.Dropout(0.5)(layers.Flatten()(layers.Conv2D(20, 4, activation="relu")(flow)))
    return keras.Model(pixels, layers.Dense(10, "softmax")(layers.Dense(100, "relu")(flow)))


two_convolutions = build_two_convolutions()

# %% write_build_best
def build_best():
    pixels = flow = keras.Input(x_train_ready.shape[1:])
    for filters in (16, 32):
        flow = layers.MaxPool2D(pool_size=(2, 2))(layers.Conv2D(filters, 4, activation="relu")(flow))
    flow = layers.Dropout(0.4)(layers.Flatten()(flow))
    return keras.Model(pixels, layers.Dense(10, "softmax")(layers.Dense(100, "relu")(flow)))


best = build_best()

# %% write_train
def train(network, epochs, callbacks=()):
    network.compile(
        optimizer=keras.optimizers.RMSprop(), loss=keras.losses.CategoricalCrossentropy(), metrics=[keras.metrics.CategoricalAccuracy("accuracy")]
    )
    held = (x_validation, y_validation)
    return network.fit(x_few, y_few, 50, epochs, verbose=0, callbacks=list(callbacks), validation_data=held)

# %% write_ranking
def ranking(table):
    names = sorted(table, key=lambda name: table[name]["parameters"])
    return list(reversed(sorted(reversed(names), key=lambda name: table[name]["validation"])))

# %% write_optimism
def measure_optimism(right, size, repeats):
    total = 0.0
    for _ in range(repeats):
        drawn = np.isin(np.arange(right.shape[1]), np.random.choice(right.shape[1], size, replace=False))
        winner, reported, honest = choose(right, drawn)
        total += reported - honest
    return total / repeats

# %% write_thresholds
import math
import statistics


def missed(accuracies, threshold):
    return len([None for reached in accuracies if not reached >= threshold]) / len(accuracies)


def fair_threshold(accuracies, images):
    centre = statistics.fmean(accuracies)
    return centre - 3 * math.hypot(statistics.stdev(accuracies), math.sqrt(centre * (1 - centre) / images))

# %% write_shift
def shift(images, down, right):
    height, width = images.shape[1:]
    rows, columns = np.arange(height) - down, np.arange(width) - right
    inside = ((rows >= 0) & (rows < height))[:, np.newaxis] & ((columns >= 0) & (columns < width))
    return np.where(inside, images[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)], 0).astype(images.dtype)

# %% train_contest
copies = [shift(x_train[:-held_out], *step) for step in ((-1, 1), (1, -1))]
contest = build_best()
contest.compile("nadam", "categorical_crossentropy", metrics=["accuracy"])
contest_history = contest.fit(
    np.concatenate([x_fit, *(arrange(images, keras.config.image_data_format()) for images in copies)]),
    np.concatenate([y_fit] * 3),
    batch_size=64,
    epochs=min(6, epoch_limit),
    validation_data=(x_validation, y_validation),
    verbose=0,
)

# %% write_pseudonym
pseudonym = "Emmy N."
