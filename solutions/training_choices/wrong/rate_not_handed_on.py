"""The learning rate is looped over and never reaches Adam: four times the same training."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"learning_rates": 2}

# %% try_rates
rate_results = {"0.001": base_history}
for rate in (0.0001, 0.01, 0.1):
    rate_results[str(rate)] = train(build_network(), "adam", min(10, epoch_limit), few_images, few_labels)
best_rate = 0.001
