"""A network within a network where layers are asked for, and batches handed over one by one instead of fit: every point must come out."""

CLAIMS = "all"

# %% write_build_network
def build_network():
    lower = keras.Sequential([keras.Input(shape=(784,)), keras.layers.Dense(10, activation="sigmoid")])
    return keras.Sequential([keras.Input(shape=(784,)), lower, keras.layers.Dense(10, activation="softmax")])


network = build_network()

# %% train_best
fitted = len(x_train_ready) * 4 // 5
best = build_network()
best.compile(optimizer=keras.optimizers.SGD(learning_rate=0.5), loss="categorical_crossentropy", metrics=["accuracy"])
best_history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
shuffled = np.random.default_rng(seed)
for epoch in range(min(40, epoch_limit)):
    order = shuffled.permutation(fitted)
    for start in range(0, fitted, 100):
        rows = order[start : start + 100]
        shown = best.train_on_batch(x_train_ready[rows], y_train_ready[rows], return_dict=True)
    held_out = best.evaluate(x_train_ready[fitted:], y_train_ready[fitted:], batch_size=500, verbose=0, return_dict=True)
    for name in ("loss", "accuracy"):
        best_history[name].append(float(shown[name]))
        best_history[f"val_{name}"].append(float(held_out[name]))
