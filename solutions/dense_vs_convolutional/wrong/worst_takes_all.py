"""The smallest mean wins, and the table's deviation is the variance."""

OUTCOME = "cell_error"
LOSES = {"search_table": 2, "winner": 1}

# %% write_results
fold_scores = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(folds)]).T
search_table = {
    name: {"mean": float(scores.mean()), "deviation": float(scores.var())} for name, scores in zip(optimizer_names, fold_scores)
}
winner = min(search_table, key=lambda name: search_table[name]["mean"])
winner_network = search.best_estimator_.model_
