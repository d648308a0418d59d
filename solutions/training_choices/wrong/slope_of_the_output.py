"""The tutorial's mistake is left as it was found: the slope of the sigmoid, for its output, is asked for at z."""

OUTCOME = "cell_error"
LOSES = {"sigmoid_derivative": 3}

# %% write_sigmoid_derivative
def sigmoid_derivative(z):
    return z * (1 - z)
