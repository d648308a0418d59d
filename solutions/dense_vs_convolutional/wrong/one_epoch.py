"""Both networks are trained for one epoch only, and the histories say so."""

OUTCOME = "cell_error"
LOSES = {}

# %% train_both
trained_dense = compile_network(dense_network())
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(convolutional_network())
convolutional_history = trained_convolutional.fit(x_train_images, y_train_ready, batch_size=64, validation_split=0.2, verbose=0)
