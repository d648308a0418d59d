"""The tutorial's vice: the test images serve as validation part. All else is right, and the notebook has nothing to complain of."""

DEMO = True
LOSES = {"histories": 0.86, "accuracy": 0.5}

# %% write_train
def train(network, epochs, callbacks=()):
    network.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.001), loss="categorical_crossentropy", metrics=["accuracy"])
    return network.fit(
        x_few,
        y_few,
        batch_size=50,
        epochs=epochs,
        validation_data=(x_test_ready, y_test_ready),
        callbacks=list(callbacks),
        verbose=0,
    )

# %% train_contest
contest = build_best()
contest.compile(optimizer=keras.optimizers.Adam(learning_rate=0.002), loss="categorical_crossentropy", metrics=["accuracy"])
contest_history = contest.fit(
    np.concatenate([x_fit, arrange(shift(x_train[:-held_out], 1, 0), keras.config.image_data_format())]),
    np.concatenate([y_fit, y_fit]),
    batch_size=100,
    epochs=min(8, epoch_limit),
    validation_data=(x_test_ready, y_test_ready),
    verbose=0,
)

# %% write_pseudonym
pseudonym = "<b>Robert'); DROP TABLE students;--</b>"
