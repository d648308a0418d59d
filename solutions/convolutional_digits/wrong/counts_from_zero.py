"""Epochs counted from 0, a gap with the wrong sign, a table of the first epoch with its columns exchanged, ranked from below, a mask
in place of positions, digits left out that count 0, the reported accuracy as optimism; runs at the threshold count as misses, and
deviations are added up instead of variances.
"""

OUTCOME = "cell_error"
LOSES = {
    "curves": 4,
    "comparison": 3,
    "ranking": 1,
    "optimism": 3,
    "candidates": 0.5,
    "honest_misses": 1,
    "fair_threshold": 1,
    "mistakes_found": 3,
    "mistakes_counted": 2,
    "mistakes_shown": 1,
}

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

# %% train_comparison
trained_wide, trained_narrow, trained_deeper = build_regularised(200), build_regularised(50), build_regularised(50, 50)
trained_two_convolutions = build_two_convolutions()
trainings = {
    "baseline": baseline_history,
    "simple": simple_history,
    "regularised": regularised_history,
    "wide": train(trained_wide, epochs),
    "narrow": train(trained_narrow, epochs),
    "deeper": train(trained_deeper, epochs),
    "two_convolutions": train(trained_two_convolutions, epochs),
}
comparison = {
    name: {"parameters": history.model.count_params(), "training": history.history["val_accuracy"][0], "validation": history.history["accuracy"][0]}
    for name, history in trainings.items()
}

# %% write_ranking
def ranking(table):
    return sorted(table, key=lambda name: (table[name]["validation"], table[name]["parameters"]))

# %% write_optimism
def measure_optimism(right, size, repeats):
    chance = np.random.default_rng(seed)
    reported = []
    for _ in range(repeats):
        chosen_on = np.zeros(right.shape[1], dtype=bool)
        chosen_on[chance.permutation(right.shape[1])[:size]] = True
        reported.append(choose(right, chosen_on)[1])
    return float(np.mean(reported))

# %% write_thresholds
def missed(accuracies, threshold):
    return float(np.mean([accuracy <= threshold for accuracy in accuracies]))


def fair_threshold(accuracies, images):
    mean = np.mean(accuracies)
    return mean - 3 * (np.std(accuracies, ddof=1) + np.sqrt(mean * (1 - mean) / images))

# %% write_mistakes
def mistakes(probabilities, labels):
    return probabilities.argmax(axis=1) != labels

# %% write_counts
def count_by_digit(positions, labels):
    return np.bincount(labels[positions])
