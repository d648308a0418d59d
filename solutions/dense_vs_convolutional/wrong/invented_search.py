"""Nothing is searched: the scores are made up, the table rounds them, and the winner's network was never trained."""

OUTCOME = "cell_error"
LOSES = {"search_table": 2, "winner": 1}

# %% write_search
def candidate(X, y, optimizer):
    return compile_network(dense_network(), optimizer)

# %% write_results
fold_scores = np.linspace(0.7, 0.9, len(optimizer_names))[:, None] + np.linspace(-0.01, 0.01, folds)
fold_scores[optimizer_names.index("Adadelta")] = np.linspace(0.1, 0.12, folds)
search_table = {name: {"mean": round(row.mean(), 1), "deviation": 0.01} for name, row in zip(optimizer_names, fold_scores)}
winner = optimizer_names[-1]
winner_network = candidate(None, None, winner)
