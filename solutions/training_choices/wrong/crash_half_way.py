"""The function that builds all networks fails where there is a hidden layer: all trainings are lost, the mathematics count."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {
    "networks": 2.5,
    "network_counts": 2.4,
    "network_settings": 2,
    "base": 2,
    "variants_compiled": 2.83,
    "variant_results": 3,
    "variant_table": 3,
    "dropout_training": 2,
    "learning_rates": 3,
    "widths": 2.5,
    "batch_sizes": 2,
    "dropout_rates": 3,
    "regularization": 3,
    "long_training": 2,
    "initializers": 3,
    "best_network": 1,
    "accuracy": 6,
    "test_once": 1,
}

# %% write_build_network
def build_network(hidden=(128, 128), dropout=0.0, regularizer=None, initializer="glorot_uniform"):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input(shape=(784,))] + [keras.layers.dense(units, activation="relu") for units in hidden]
    return keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
