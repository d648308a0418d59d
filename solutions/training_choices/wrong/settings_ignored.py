"""build_network takes a regularizer and an initializer and hands neither on: both experiments train the base again and again."""

OUTCOME = "cell_error"
LOSES = {"network_settings": 2, "regularization": 3, "initializers": 3}

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input(shape=(784,))]
    for units in hidden:
        layers.append(keras.layers.Dense(units, activation="relu"))
        if dropout > 0:
            layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(10, activation="softmax"))
    return keras.Sequential(layers)
