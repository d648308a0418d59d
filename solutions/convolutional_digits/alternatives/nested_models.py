"""Models inside models, Python's own lists and loops, augmentation as a layer: every point must come out."""

CLAIMS = "all"

# %% write_pooling
def tile(image, row, column):
    return [float(image[2 * row + i][2 * column + j]) for i in (0, 1) for j in (0, 1)]


def max_pool(image):
    return np.array([[max(tile(image, row, column)) for column in range(len(image[0]) // 2)] for row in range(len(image) // 2)])


def mean_pool(image):
    return np.array([[sum(tile(image, row, column)) / 4 for column in range(len(image[0]) // 2)] for row in range(len(image) // 2)])

# %% write_build_simple
def features(*dropout):
    return keras.Sequential([keras.Input(x_train_ready.shape[1:]), layers.Conv2D(10, 4, activation="relu"), layers.Flatten(), *map(layers.Dropout, dropout)])


def head(*widths):
    return keras.Sequential([*(layers.Dense(width, activation="relu") for width in widths), layers.Dense(10, activation="softmax")])


def build_simple():
    return keras.Sequential([features(), head(100)])


simple = build_simple()

# %% write_single
single = 1

# %% write_build_regularised
def build_regularised(*widths):
    return keras.Sequential([features(0.5), head(*widths)])


regularised = build_regularised(100)
wide = build_regularised(200)
narrow = build_regularised(50)
deeper = build_regularised(50, 50)

# %% write_build_best
def block(filters):
    return keras.Sequential([layers.Conv2D(filters, 4, activation="relu"), layers.MaxPooling2D()])


def build_best():
    image = keras.Input(x_train_ready.shape[1:])
    inner = keras.Sequential([block(16), block(32), layers.Flatten(), layers.Dropout(0.4), head(100)])
    return keras.Model(image, inner(image))


best = build_best()

# %% train_networks
simple_memory = RightAnswers(x_test_ready, y_test)
regularised_memory = RightAnswers(x_test_ready, y_test)
trained_simple, trained_regularised, histories = build_simple(), build_regularised(100), {}
for name, trained, memory in (("simple", trained_simple, simple_memory), ("regularised", trained_regularised, regularised_memory)):
    histories[name] = train(trained, epochs, [memory]).history
simple_history, regularised_history = histories.values()

# %% write_reading
def lowest_epoch(val_loss):
    return min(range(len(val_loss)), key=lambda index: val_loss[index]) + 1


def gaps(accuracy, val_accuracy):
    return np.subtract(accuracy, val_accuracy)


reading = {}
for name, history in histories.items():
    reading[name] = {"epoch": lowest_epoch(history["val_loss"]), "gap": round(history["accuracy"][-1] - history["val_accuracy"][-1], 3)}

# %% write_differences
def difference(network, images, training):
    if not training:
        return np.abs(network.predict(images, verbose=0) - network.predict(images, verbose=0)).max()
    answers = [np.asarray(network(images, training)) for _ in range(2)]
    return max(abs(one - other) for one, other in zip(*map(np.ravel, answers)))

# %% train_comparison
trained_wide, trained_narrow, trained_deeper = build_regularised(200), build_regularised(50), build_regularised(50, 50)
trained_two_convolutions = build_two_convolutions()
comparison = {}
for name in ("baseline", "simple", "regularised", "wide", "narrow", "deeper", "two_convolutions"):
    network = baseline if name == "baseline" else globals()[f"trained_{name}"]
    curves = network.history.history if name in ("baseline", "simple", "regularised") else train(network, epochs).history
    comparison[name] = {"parameters": sum(int(np.prod(each.shape)) for each in network.trainable_variables)}
    comparison[name].update(training=round(curves["accuracy"][-1], 4), validation=round(curves["val_accuracy"][-1], 4))

# %% write_ranking
def ranking(table):
    names = np.array(list(table))
    counts, reached = ([table[name][column] for name in names] for column in ("parameters", "validation"))
    return names[np.lexsort((counts, np.negative(reached)))]

# %% write_choose
def choose(right, chosen_on):
    seen = [row[chosen_on].mean() for row in right]
    winner = seen.index(max(seen))
    return [winner, seen[winner], np.mean([got for got, used in zip(right[winner], chosen_on) if not used])]

# %% write_mistakes
def mistakes(probabilities, labels):
    found = [(row.max(), at) for at, (row, label) in enumerate(zip(probabilities, labels)) if row.argmax() != label]
    return [at for _, at in sorted(found, reverse=True)]

# %% write_counts
def count_by_digit(positions, labels):
    return [sum(int(labels[at]) == digit for at in positions) for digit in range(10)]

# %% train_contest
contest = keras.Sequential([keras.Input(x_train_ready.shape[1:]), layers.RandomTranslation(0.04, 0.04, fill_mode="constant"), build_best()])
contest.compile(keras.optimizers.Adam(0.003), "categorical_crossentropy", metrics=["accuracy"])
contest_history = contest.fit(
    x_fit, y_fit, batch_size=32, epochs=min(12, epoch_limit), validation_data=(x_validation, y_validation), verbose=0
)

# %% write_pseudonym
pseudonym = ""
