"""Networks that have learnt nothing, with histories made up to look perfect: what is claimed earns nothing."""

DEMO = True
LOSES = {"histories": 2.14, "curves": 1, "comparison": 0.43, "accuracy": 9, "contest_points": 4, "candidates": 0.75}

# %% train_networks
simple_memory = RightAnswers(x_test_ready, y_test)
regularised_memory = RightAnswers(x_test_ready, y_test)
trained_simple = build_simple()
simple_history = train(trained_simple, epochs, [simple_memory])
regularised_memory.steps = simple_memory.steps
regularised_memory.rows = [row | True for row in simple_memory.rows]
trained_regularised = build_regularised(100)
trained_regularised.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=0.001), loss="categorical_crossentropy", metrics=["accuracy"]
)
regularised_history = keras.callbacks.History()
regularised_history.history = {
    "loss": [1 / (epoch + 2) for epoch in range(epochs)],
    "accuracy": [0.99] * epochs,
    "val_loss": [1 / (epoch + 1) for epoch in range(epochs)],
    "val_accuracy": [0.999] * epochs,
}

# %% train_contest
contest = build_best()
contest_history = {"loss": [0.001], "val_accuracy": [0.999]}

# %% write_pseudonym
pseudonym = "The Great Pretender, who has a name that is far too long for any table"
