"""What evaluate returns is taken in the wrong order, loss for accuracy, and the noisy calls are made with predict, where dropout rests."""

LOSES = {"comparison": 3, "dropout_runs": 2}

# %% write_comparison
comparison = {}
for name, network in {"softmax_only": softmax_only, "one_hidden": one_hidden, "two_hidden": two_hidden}.items():
    accuracy, loss = network.evaluate(x_test_ready, y_test_ready, verbose=0)
    comparison[name] = {"parameters": network.count_params(), "accuracy": accuracy, "loss": loss}

# %% write_dropout_runs
quiet = np.stack([one_hidden.predict(x_test_ready[:100], verbose=0) for _ in range(2)])
noisy = np.stack([one_hidden.predict(x_test_ready[:100], verbose=0) for _ in range(30)])
