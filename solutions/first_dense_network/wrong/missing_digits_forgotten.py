"""Counting, encoding and the confusion matrix follow the digits that happen to occur, not all ten; two of three checks notice at once."""

OUTCOME = "cell_error"
LOSES = {"digit_counts": 4, "one_hot_labels": 2, "confusion_matrix": 2}

# %% write_digit_counts
def digit_counts(labels):
    return np.bincount(labels)

# %% write_one_hot
def one_hot(labels):
    return keras.utils.to_categorical(labels)


y_train_ready = one_hot(y_train)
y_test_ready = one_hot(y_test)

# %% write_confusions
def count_confusions(labels, predicted):
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predicted)


def accuracy_from(matrix):
    return np.trace(matrix) / np.sum(matrix)
