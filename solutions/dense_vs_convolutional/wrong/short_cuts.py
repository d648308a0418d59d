"""Both networks are trained for five epochs instead of the recipe's: enough for their accuracy, and not what was asked for. And nothing
is searched: the scores are made up, the table rounds them, and the winner's network was never trained.
"""

OUTCOME = "cell_error"
LOSES = {"training": 4, "search_table": 5, "winner": 2}

# %% train_both
epochs = min(5, epoch_limit)
trained_dense = compile_network(dense_network())
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(convolutional_network())
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)

# %% write_search
tried = []


def candidate(X, y, optimizer):
    return compile_network(dense_network(), optimizer)

# %% write_results
fold_scores = np.linspace(0.7, 0.9, len(optimizer_names))[:, None] + np.linspace(-0.01, 0.01, folds)
fold_scores[optimizer_names.index("Adadelta")] = np.linspace(0.1, 0.12, folds)
search_table = {name: {"mean": round(row.mean(), 1), "deviation": 0.01} for name, row in zip(optimizer_names, fold_scores)}
winner = optimizer_names[-1]
winner_network = candidate(None, None, winner)
