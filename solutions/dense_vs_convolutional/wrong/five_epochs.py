"""Both networks are trained for five epochs instead of the recipe's: enough for their accuracy, and not what was asked for."""

OUTCOME = "cell_error"
LOSES = {"training": 4}

# %% train_both
epochs = min(5, epoch_limit)
trained_dense = compile_network(dense_network())
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(convolutional_network())
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)
