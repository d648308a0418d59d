"""One network was built anew after its training: its row of the table is true of a network that is gone, and it has forgotten everything."""

LOSES = {"variant_table": 0.43, "dropout_training": 2}

# %% evaluate_training
dropout_adam = build_network(dropout=0.3)
dropout_adam.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
trained_on = int(0.8 * len(x_train_ready))
evaluated_training = dropout_adam.evaluate(x_train_ready[:trained_on], y_train_ready[:trained_on], verbose=0)[1]
