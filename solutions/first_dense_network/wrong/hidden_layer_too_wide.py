"""Eleven hidden units: layers and parameters are wrong. The network learns as well, so its accuracy is earned."""

OUTCOME = "cell_error"
LOSES = {"network_layers": 3, "network_parameters": 5, "best_network": 2}

# %% write_build_network
def build_network():
    return keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(11, activation="sigmoid"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


network = build_network()
