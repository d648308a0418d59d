"""The table holds percentages where fractions were asked for."""

OUTCOME = "cell_error"
LOSES = {"variant_table": 3}

# %% make_variant_table
variant_table = {}
for variant, curves in variant_results.items():
    variant_table[variant] = {
        "epochs": len(curves["loss"]),
        "training": 100 * curves["accuracy"][-1],
        "validation": 100 * curves["val_accuracy"][-1],
    }
