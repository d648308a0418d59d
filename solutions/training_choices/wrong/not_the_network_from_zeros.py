"""The network that is handed in as the one from zeros is the one from normal numbers."""

OUTCOME = "cell_error"
LOSES = {"initializers": 2}

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
