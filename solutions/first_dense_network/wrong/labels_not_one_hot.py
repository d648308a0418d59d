"""Labels stay digits, and the sparse loss makes up for it: the encoding and one compile setting are lost, nothing else."""

OUTCOME = "cell_error"
LOSES = {"one_hot_labels": 6, "recipe_compiled": 2}

# %% write_one_hot
def one_hot(labels):
    return labels.astype("float32")


y_train_ready = one_hot(y_train)
y_test_ready = one_hot(y_test)

# %% train_recipe
recipe = build_network()
recipe.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
recipe_history = recipe.fit(x_train_ready, y_train_ready, batch_size=100, epochs=5, verbose=0)

# %% train_best
epochs = min(40, epoch_limit)
best = build_network()
best.compile(optimizer=keras.optimizers.SGD(learning_rate=0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
best_history = best.fit(x_train_ready, y_train_ready, batch_size=100, epochs=epochs, validation_split=0.2, verbose=0)
