"""The page's mistake is made again: one optimizer object as default argument. The second network that is trained fails, and stays as it
was made.
"""

OUTCOME = "cell_error"
LOSES = {"own_optimizer": 3, "training": 2, "curves": 1, "convolutional_accuracy": 7}

# %% write_compile_network
def compile_network(network, optimizer=keras.optimizers.Adam()):
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return network


compiled = compile_network(dense_network())
