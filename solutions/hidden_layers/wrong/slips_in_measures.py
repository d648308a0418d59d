"""The loss is averaged over classes too, a square root is forgotten, and the toy network simply gets better."""

OUTCOME = "cell_error"
LOSES = {"accuracy_and_loss": 4, "both_rise": 4, "chance": 4, "comparison": 1.5}

# %% write_accuracy_and_loss
def accuracy_and_loss(probabilities, labels):
    one_hot = np.eye(probabilities.shape[1])[labels]
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    loss = -np.mean(one_hot * np.log(np.maximum(probabilities, 1e-7)))
    return float(accuracy), float(loss)

# %% write_both_rise
before = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.5, 0.4], [0.4, 0.5, 0.1]])
after = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.1, 0.4, 0.5], [0.5, 0.4, 0.1]])

# %% write_chance
def standard_error(accuracy, n):
    return accuracy * (1 - accuracy) / n


def clear_difference(first, second, n):
    return bool(abs(first - second) > 2 * np.hypot(standard_error(first, n), standard_error(second, n)))
