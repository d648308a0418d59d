"""It is late, and two of the six variants are not trained: what is there counts, row by row."""

OUTCOME = "cell_error"
LOSES = {"variants_compiled": 1, "variant_results": 0.75, "variant_table": 1, "dropout_training": 2}

# %% train_variants
twenty = min(20, epoch_limit)
softmax_sgd = build_network(hidden=())
hidden_sgd = build_network()
dropout_sgd = build_network(dropout=0.3)
dropout_rmsprop = build_network(dropout=0.3)
variant_results = {
    "softmax_sgd": train(softmax_sgd, "sgd", min(30, epoch_limit)),
    "hidden_sgd": train(hidden_sgd, "sgd", twenty),
    "dropout_sgd": train(dropout_sgd, "sgd", twenty),
    "dropout_rmsprop": train(dropout_rmsprop, "rmsprop", twenty),
}
