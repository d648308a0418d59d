"""`int` is taken as a name of one's own, so that what the notebook counts later is handed in as text. Each test says so to the student;
what does not rest on counts is right.
"""

OUTCOME = "cell_error"
LOSES = {"training": 4, "agreement": 2, "search_table": 4, "winner": 1, "adadelta": 2}

# %% train_both
def int(steps):
    return f"{steps} steps"


epochs = min(10, epoch_limit)
trained_dense = compile_network(dense_network())
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(convolutional_network())
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)
