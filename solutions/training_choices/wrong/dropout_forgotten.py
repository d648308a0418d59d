"""build_network takes a dropout rate and does nothing with it: networks that should have it have none, and its rate makes no difference."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"networks": 1, "variants_compiled": 1, "dropout_rates": 3}

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input(shape=(784,))]
    for units in hidden:
        layers.append(keras.layers.Dense(units, activation="relu", kernel_initializer=initializer, kernel_regularizer=regularizer))
    layers.append(keras.layers.Dense(10, activation="softmax", kernel_initializer=initializer))
    return keras.Sequential(layers)
