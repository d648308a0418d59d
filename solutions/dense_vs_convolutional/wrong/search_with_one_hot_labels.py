"""One-hot labels go into the search, which refuses them: no result, and no points for any."""

OUTCOME = "cell_error"
LOSES = {"search_table": 6, "winner": 3}

# %% write_search
def candidate(X, y, optimizer):
    network = compile_network(dense_network(), optimizer)
    network.run_eagerly = brief
    return network


search = GridSearchCV(
    keras.wrappers.SKLearnClassifier(candidate), {"model_kwargs": [{"optimizer": name} for name in optimizer_names]}, cv=folds
)
search.fit(x_train_rows[:search_examples], y_train_ready[:search_examples], epochs=1, batch_size=64, verbose=0)
