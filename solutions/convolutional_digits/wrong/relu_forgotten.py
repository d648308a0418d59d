"""Hidden layers without relu in `build_regularised`: one slip, which costs where networks are built and not once more where they are trained."""

LOSES = {"regularised_network": 1.5, "variants": 3}

# %% write_build_regularised
def build_regularised(*widths):
    network = keras.Sequential(
        [
            keras.Input(shape=x_train_ready.shape[1:]),
            layers.Conv2D(10, 4, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
        ]
    )
    for width in widths:
        network.add(layers.Dense(width))
    network.add(layers.Dense(10, activation="softmax"))
    return network


regularised = build_regularised(100)
wide = build_regularised(200)
narrow = build_regularised(50)
deeper = build_regularised(50, 50)
