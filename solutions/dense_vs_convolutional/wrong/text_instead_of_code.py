"""Plain SGD, as the page's text says, instead of Adam, as its code does: settings are wrong, and nine epochs are too few for it."""

OUTCOME = "cell_error"
LOSES = {}

# %% write_compile_network
def compile_network(network, optimizer="sgd"):
    network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return network


compiled = compile_network(dense_network())
