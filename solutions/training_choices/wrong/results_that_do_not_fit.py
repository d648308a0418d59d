"""What is handed in is not what was asked for: percentages, a rate that never reaches Adam, epochs counted from 0, another network, a made-up number."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"variant_table": 3, "learning_rates": 2, "long_training": 1, "initializers": 2, "test_once": 1}

# %% make_variant_table
variant_table = {}
for variant, curves in variant_results.items():
    variant_table[variant] = {
        "epochs": len(curves["loss"]),
        "training": 100 * curves["accuracy"][-1],
        "validation": 100 * curves["val_accuracy"][-1],
    }

# %% try_rates
rate_results = {"0.001": base_history}
for rate in (0.0001, 0.01, 0.1):
    rate_results[str(rate)] = train(build_network(), "adam", min(10, epoch_limit), few_images, few_labels)
best_rate = 0.001

# %% train_long
long_history = train(build_network(), "adam", min(60, epoch_limit), few_images, few_labels)
best_epoch = int(np.argmin(long_history["val_loss"]))

# %% try_initializers
starts = [
    ("uniform", keras.initializers.RandomUniform(-0.05, 0.05)),
    ("zeros", keras.initializers.Zeros()),
    ("normal", keras.initializers.RandomNormal(stddev=0.05)),
]
initializer_results = {}
for name, start in starts:
    zero_network = build_network(initializer=start)
    initializer_results[name] = train(zero_network, "adam", min(10, epoch_limit), few_images, few_labels)

# %% test_best
test_accuracy = 0.9999
