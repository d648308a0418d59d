"""The last, smaller batch is forgotten, and the best epoch is counted from 0."""

OUTCOME = "cell_error"
LOSES = {"steps_per_epoch": 2, "long_training": 1}

# %% try_batches
def steps_per_epoch(examples, batch_size):
    return examples // batch_size


batch_results = {"128": base_history}
for batch_size in (32, 512):
    batch_results[str(batch_size)] = train(build_network(), "adam", min(10, epoch_limit), few_images, few_labels, batch_size)

# %% train_long
long_history = train(build_network(), "adam", min(60, epoch_limit), few_images, few_labels)
best_epoch = int(np.argmin(long_history["val_loss"]))
