"""Nothing is trained; histories and the table are made up to look perfect. What is claimed earns nothing."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"softmax_accuracy": 3, "one_hidden_accuracy": 4, "two_hidden_accuracy": 4, "recipe_histories": 1.5, "comparison": 3}

# %% write_train
def train(network):
    network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    epochs = min(20, epoch_limit)
    falling = [0.5 / (epoch + 1) for epoch in range(epochs)]
    rising = [1 - value / 10 for value in falling]
    return {"loss": falling, "accuracy": rising, "val_loss": falling, "val_accuracy": rising}

# %% write_comparison
comparison = {
    "softmax_only": {"parameters": 7850, "accuracy": 0.924, "loss": 0.276},
    "one_hidden": {"parameters": 407050, "accuracy": 0.981, "loss": 0.068},
    "two_hidden": {"parameters": 669706, "accuracy": 0.982, "loss": 0.0719},
}
