"""Loss and accuracy come from the training images, and those counts of the agreement that differ are swapped."""

OUTCOME = "cell_error"
LOSES = {"evaluation": 3, "agreement": 2}

# %% evaluate_both
evaluation = {
    "dense": trained_dense.evaluate(x_train_rows, y_train_ready, verbose=0, return_dict=True),
    "convolutional": trained_convolutional.evaluate(x_train_images, y_train_ready, verbose=0, return_dict=True),
}

# %% write_agreement
def agreement(labels, first, second):
    one, other = first == labels, second == labels
    return tuple(int(each.sum()) for each in (one & other, ~one & other, one & ~other, ~one & ~other))
