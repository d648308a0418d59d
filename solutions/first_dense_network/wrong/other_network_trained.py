"""The network of section 3 is right, those that are trained are others: relu in one, a layer of dropout in the other. Their parameters are as
many, and the accuracy is reached.
"""

OUTCOME = "cell_error"
LOSES = {"recipe_compiled": 1, "best_network": 2}

# %% train_recipe
recipe = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Dense(10, activation="sigmoid"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
recipe.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
recipe_history = recipe.fit(x_train_ready, y_train_ready, batch_size=100, epochs=5, verbose=0)

# %% train_best
epochs = min(40, epoch_limit)
best = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
best.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss="categorical_crossentropy", metrics=["accuracy"])
best_history = best.fit(x_train_ready, y_train_ready, batch_size=100, epochs=epochs, validation_split=0.2, verbose=0)
