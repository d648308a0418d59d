"""Softmax without taking off the largest number: right for small scores, NaN for large ones."""

OUTCOME = "cell_error"
LOSES = {"softmax": 1}

# %% write_softmax
def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
