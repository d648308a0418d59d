"""33 hidden units instead of 32: the network is not the one that was asked for, and learns as well."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"network": 13.33}

# %% write_network
network = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Dense(33, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
