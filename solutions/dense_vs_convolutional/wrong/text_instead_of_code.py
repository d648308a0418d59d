"""The default is plain SGD, as the page's text says, instead of Adam, as its code does. Both networks are trained with Adam all the same."""

OUTCOME = "cell_error"
LOSES = {"compile_settings": 2, "own_optimizer": 3}

# %% write_compile_network
def compile_network(network, optimizer="sgd"):
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return network


compiled = compile_network(dense_network())

# %% train_both
epochs = min(10, epoch_limit)
trained_dense = compile_network(dense_network(), "adam")
dense_history = trained_dense.fit(x_train_rows, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0)
trained_convolutional = compile_network(convolutional_network(), "adam")
convolutional_history = trained_convolutional.fit(
    x_train_images, y_train_ready, batch_size=64, epochs=epochs, validation_split=0.2, verbose=0
)
