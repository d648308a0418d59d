"""Training waits for an accuracy that nobody updates: that cell is interrupted at its time limit, the sections after it go on."""

DEMO = True
OUTCOME = "timed_out"
LOSES = {"recipe_history": 4}

# %% train_recipe
recipe = build_network()
recipe.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
reached = 0.0
while reached < 0.9018:
    pass
recipe_history = recipe.fit(x_train_ready, y_train_ready, batch_size=100, epochs=5)
