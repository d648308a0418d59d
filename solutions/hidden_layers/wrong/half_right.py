"""The first examples are held out and stay in the other part too, log 0 is not prevented, and a difference counts in one direction only."""

OUTCOME = "cell_error"
LOSES = {"validation_part": 3, "accuracy_and_loss": 1, "chance": 2}

# %% write_split_off
def split_off(x, y, share):
    held_out = round(share * len(x))
    return (x, y), (x[:held_out], y[:held_out])


(x_fit, y_fit), (x_validation, y_validation) = split_off(x_train_ready, y_train_ready, 1 / 6)

# %% write_accuracy_and_loss
def accuracy_and_loss(probabilities, labels):
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    loss = -np.mean(np.log(probabilities[np.arange(len(labels)), labels]))
    return float(accuracy), float(loss)

# %% write_chance
def standard_error(accuracy, n):
    return float(np.sqrt(accuracy * (1 - accuracy) / n))


def clear_difference(first, second, n):
    return bool(first - second > 2 * np.hypot(standard_error(first, n), standard_error(second, n)))
