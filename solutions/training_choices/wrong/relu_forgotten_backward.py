"""The backward pass forgets that relu lets nothing back where its input was below 0: the first layer's gradients are wrong."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"backward": 3.6}

# %% write_backward
def backward(x, y, w1, b1, w2, b2):
    hidden = relu(x @ w1 + b1)
    slope2 = (softmax(hidden @ w2 + b2) - y) / len(x)
    slope1 = slope2 @ w2.T
    return x.T @ slope1, slope1.sum(axis=0), hidden.T @ slope2, slope2.sum(axis=0)
