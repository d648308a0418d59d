"""The tutorial's mistake is left as it was found: sensitivity is calculated like precision."""

OUTCOME = "cell_error"
LOSES = {"binary_scores": 3}

# %% write_binary_scores
def binary_scores(tp, tn, fp, fn):
    accuracy = (tp + tn) / (tp + tn + fp + fn)
    sensitivity = tp / (tp + fp)
    precision = tp / (tp + fp)
    return accuracy, sensitivity, precision
