"""The hidden layer has no bias: one parameter count is off, in the network and in the one trained well. All else is earned."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"network_parameters": 5, "best_network": 2}

# %% write_build_network
def build_network():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(10, activation="sigmoid", use_bias=False),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


network = build_network()
