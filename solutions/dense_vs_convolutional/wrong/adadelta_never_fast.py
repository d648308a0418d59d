"""Both Adadelta networks keep the default rate: the second one does not learn either."""

OUTCOME = "cell_error"
LOSES = {"adadelta": 4}

# %% train_adadelta
few_epochs = min(3, epoch_limit)
rows, labels = x_train_rows[:search_examples], y_train_ready[:search_examples]
slow = compile_network(dense_network(), "Adadelta")
slow_history = slow.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
fast = compile_network(dense_network(), keras.optimizers.Adadelta())
fast_history = fast.fit(rows, labels, batch_size=64, epochs=few_epochs, validation_split=0.2, verbose=0)
