"""A hardly trained network, with a history and predictions that are made up to look perfect: what is claimed earns nothing."""

LOSES = {"accuracy": 10, "probabilities": 2}

# %% train_best
best = build_network()
best.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
best_history = best.fit(x_train_ready, y_train_ready, batch_size=100, epochs=1, validation_split=0.2, verbose=0)
best_history.history["val_accuracy"] = [0.999]

# %% predict_test
probabilities = one_hot(y_test).astype("float32")
predicted = to_digits(probabilities)
