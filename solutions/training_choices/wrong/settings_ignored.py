"""build_network takes dropout, regularizer and initializer and hands none of them on: their experiments train the base again and again."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {
    "networks": 1,
    "network_settings": 2,
    "variants_compiled": 0.67,
    "dropout_rates": 3,
    "regularization": 3,
    "initializers": 3,
}

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input(shape=(784,))]
    for units in hidden:
        layers.append(keras.layers.Dense(units, activation="relu"))
    layers.append(keras.layers.Dense(10, activation="softmax"))
    return keras.Sequential(layers)
