"""Epochs counted from 0, a gap with the wrong sign, a mask where positions were asked for, the reported accuracy in place of its optimism."""

OUTCOME = "cell_error"
LOSES = {"curves": 4, "optimism": 2.67, "mistakes_found": 3, "mistakes_counted": 3}

# %% write_reading
def lowest_epoch(val_loss):
    return int(np.argmin(val_loss))


def gaps(accuracy, val_accuracy):
    return [other - one for one, other in zip(accuracy, val_accuracy)]


reading = {
    name: {
        "epoch": lowest_epoch(history.history["val_loss"]),
        "gap": gaps(history.history["accuracy"], history.history["val_accuracy"])[-1],
    }
    for name, history in (("simple", simple_history), ("regularised", regularised_history))
}

# %% write_optimism
def measure_optimism(right, size, repeats):
    chance = np.random.default_rng(seed)
    reported = []
    for _ in range(repeats):
        chosen_on = np.zeros(right.shape[1], dtype=bool)
        chosen_on[chance.permutation(right.shape[1])[:size]] = True
        reported.append(choose(right, chosen_on)[1])
    return float(np.mean(reported))


sizes = [10, 20, 50, 100, len(y_test) // 2]
optimism = [measure_optimism(right, size, 200) for size in sizes]

# %% write_mistakes
def mistakes(probabilities, labels):
    return probabilities.argmax(axis=1) != labels


probabilities = trained_regularised.predict(x_test_ready, batch_size=500, verbose=0)
wrong = mistakes(probabilities, y_test)
wrong_by_digit = np.bincount(y_test[wrong], minlength=10)
