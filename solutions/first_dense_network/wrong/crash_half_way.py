"""The cell that builds the network fails: all that needs a network is lost; what stands before it, and functions after it, count."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {
    "network_layers": 6,
    "network_parameters": 5,
    "recipe_compiled": 4,
    "recipe_history": 4,
    "best_network": 3,
    "accuracy": 10,
    "probabilities": 5,
}

# %% write_build_network
def build_network():
    return keras.Sequential([keras.Input(shape=(784,)), keras.layers.dense(10, activation="sigmoid"), keras.layers.dense(10)])


network = build_network()
