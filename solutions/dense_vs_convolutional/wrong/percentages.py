"""Accuracies are given in percent, and those counts of the agreement that differ are swapped."""

OUTCOME = "cell_error"
LOSES = {"evaluation": 3, "agreement": 2}

# %% evaluate_both
def in_percent(network, inputs):
    loss, share = network.evaluate(inputs, y_test_ready, verbose=0)
    return {"loss": loss, "accuracy": 100 * share}


evaluation = {"dense": in_percent(trained_dense, x_test_rows), "convolutional": in_percent(trained_convolutional, x_test_images)}

# %% write_agreement
def agreement(labels, first, second):
    one, other = first == labels, second == labels
    return tuple(int(each.sum()) for each in (one & other, ~one & other, one & ~other, ~one & ~other))
