"""Biases are forgotten, the window is not subtracted, the last step and the last fit are not counted, two counts are swapped: six functions, each slightly wrong."""

OUTCOME = "cell_error"
LOSES = {
    "convolution_parameters": 3,
    "flat_length": 3,
    "convolution_multiplications": 2,
    "steps_per_epoch": 2,
    "agreement": 2,
    "number_of_fits": 2,
}

# %% write_counting
def convolution_parameters(kernel, channels, filters):
    return kernel * kernel * channels * filters


def flat_length(side):
    for _ in range(2):
        side = (side - 5) // 2
    return side * side * 20


def convolution_multiplications(side, kernel, channels, filters):
    return side**2 * kernel**2 * channels * filters

# %% write_steps
def steps_per_epoch(examples, held_out, batch_size):
    return (examples - held_out) // batch_size

# %% write_number_of_fits
def number_of_fits(candidates, folds):
    return candidates * folds

# %% write_agreement
def agreement(labels, first, second):
    one, other = first == labels, second == labels
    return tuple(int(each.sum()) for each in (one & other, ~one & other, one & ~other, ~one & ~other))
