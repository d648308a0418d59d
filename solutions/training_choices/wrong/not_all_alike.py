"""One of six variants gets batches of 32, four times as many steps as the others, and wins, another one has tanh: the comparison is not fair."""

OUTCOME = "cell_error"
LOSES = {"variants_compiled": 0.17, "variant_results": 0.75}

# %% train_variants
twenty = min(20, epoch_limit)
softmax_sgd = build_network(hidden=())
hidden_sgd = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Dense(128, activation="tanh"),
        keras.layers.Dense(128, activation="tanh"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
dropout_sgd = build_network(dropout=0.3)
dropout_sgd_long = build_network(dropout=0.3)
dropout_rmsprop = build_network(dropout=0.3)
dropout_adam = build_network(dropout=0.3)
variant_results = {
    "softmax_sgd": train(softmax_sgd, "sgd", min(30, epoch_limit)),
    "hidden_sgd": train(hidden_sgd, "sgd", twenty),
    "dropout_sgd": train(dropout_sgd, "sgd", twenty),
    "dropout_sgd_long": train(dropout_sgd_long, "sgd", min(60, epoch_limit)),
    "dropout_rmsprop": train(dropout_rmsprop, "rmsprop", twenty),
    "dropout_adam": train(dropout_adam, "adam", twenty, batch_size=32),
}
