"""One slip in each function that is written by hand: -0, a bias, a bend, a scale. Three of them pass the visible checks."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {
    "validation_part": 1,
    "merged_layers": 2,
    "hidden_by_hand": 3,
    "exclusive_or": 4,
    "dropout_by_hand": 2,
    "network_parameters": 3,
}

# %% write_split_off
def split_off(x, y, share):
    held_out = round(share * len(x))
    return (x[:-held_out], y[:-held_out]), (x[-held_out:], y[-held_out:])


(x_fit, y_fit), (x_validation, y_validation) = split_off(x_train_ready, y_train_ready, 1 / 6)

# %% write_merge_layers
def merge_layers(w1, b1, w2, b2):
    return w1 @ w2, b2

# %% write_hidden_network
def hidden_network(x, w1, b1, w2, b2):
    hidden = np.maximum(0, x @ w1 + b1)
    return np.maximum(0, hidden @ w2 + b2)

# %% write_exclusive_or
exclusive_or = [np.eye(2), np.zeros(2), np.ones((2, 1)), np.zeros(1)]

# %% write_dropout
def dropout(values, rate, kept, training):
    return values * kept if training else values

# %% write_network_parameters
def network_parameters(widths):
    return sum(inputs * units for inputs, units in zip(widths, widths[1:]))
