"""The second network cannot be built: it and the comparison are lost; the other two networks, and all that stands by itself, count."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"one_hidden_network": 4, "one_hidden_accuracy": 4, "recipe_compiled": 1.33, "recipe_histories": 1, "comparison": 4, "dropout_runs": 3}

# %% write_build_one_hidden
def build_one_hidden():
    return keras.Sequential([keras.Input(shape=(784,)), keras.layers.Dense(512, "relu"), keras.layers.Dropout("0.2"), keras.layers.Dense(10)])


new_one_hidden = build_one_hidden()
