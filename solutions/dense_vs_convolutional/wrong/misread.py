"""The default is plain SGD, as the page's text says, instead of Adam, as its code does. Both networks are trained with Adam all the
same, but one without its dropout, the other with another rate of it. Epochs are counted from 0. Accuracies are given in percent, the
table's deviation is the variance, and the smallest mean wins.
"""

OUTCOME = "cell_error"
LOSES = {"compile_settings": 2, "own_optimizer": 3, "training": 4, "curves": 2, "evaluation": 3, "search_table": 1, "winner": 1}

# %% write_compile_network
def compile_network(network, optimizer="sgd"):
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return network


compiled = compile_network(dense_network())

# %% train_both
epochs = min(10, epoch_limit)
without_dropout = [
    keras.Input(shape=(784,)),
    keras.layers.Dense(400, activation="relu"),
    keras.layers.Dense(100, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
]
trained_dense = compile_network(keras.Sequential(without_dropout), "adam")
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = convolutional_network()
for layer in trained_convolutional.layers:
    if isinstance(layer, keras.layers.Dropout):
        layer.rate = 0.2
trained_convolutional = compile_network(trained_convolutional, "adam")
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)

# %% write_turn
def after_the_turn(loss, val_loss):
    turn = int(np.argmin(val_loss))
    return {"epoch": turn, "fall": loss[turn] - loss[-1], "rise": val_loss[-1] - val_loss[turn]}


turns = {"dense": after_the_turn(dense_history.history["loss"], dense_history.history["val_loss"])}
turns["convolutional"] = after_the_turn(convolutional_history.history["loss"], convolutional_history.history["val_loss"])

# %% evaluate_both
def in_percent(network, inputs):
    loss, share = network.evaluate(inputs, y_test_ready, verbose=0)
    return {"loss": loss, "accuracy": 100 * share}


evaluation = {"dense": in_percent(trained_dense, x_test_rows), "convolutional": in_percent(trained_convolutional, x_test_images)}

# %% write_results
fold_scores = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(folds)]).T
search_table = {
    name: {"mean": float(scores.mean()), "deviation": float(scores.var())} for name, scores in zip(optimizer_names, fold_scores)
}
winner = min(search_table, key=lambda name: search_table[name]["mean"])
winner_network = search.best_estimator_.model_
