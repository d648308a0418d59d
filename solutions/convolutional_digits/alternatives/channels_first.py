"""Keras is set to channels_first, and the contest's network is a class of the student's own with a training loop: every point must come out."""

CLAIMS = "all"

# %% write_arrange
keras.config.set_image_data_format("channels_first")


def arrange(images, data_format):
    images = images.reshape(*images.shape[:3], -1)
    order = {"channels_first": (0, 3, 1, 2), "channels_last": (0, 1, 2, 3)}[data_format]
    return np.transpose(images, order).astype("float32") / 255


x_train_ready = arrange(x_train, keras.config.image_data_format())
x_test_ready = arrange(x_test, keras.config.image_data_format())

# %% train_contest
class Reader(keras.Model):
    def __init__(self):
        super().__init__()
        self.eyes = [layers.Conv2D(16, 4, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 4, activation="relu"), layers.MaxPooling2D()]
        self.mouth = [layers.Flatten(), layers.Dropout(0.4), layers.Dense(100, activation="relu"), layers.Dense(10, activation="softmax")]

    def call(self, images, training=None):
        for layer in self.eyes + self.mouth:
            images = layer(images, training=training) if isinstance(layer, layers.Dropout) else layer(images)
        return images


contest = Reader()
contest.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
contest_history = {"loss": [], "val_accuracy": []}
for epoch in range(min(8, epoch_limit)):
    down, right = ((1, 0), (0, 1), (-1, 0), (0, -1))[epoch % 4]
    for images in (x_fit, arrange(shift(x_train[:-held_out], down, right), keras.config.image_data_format())):
        passed = contest.fit(images, y_fit, batch_size=50, epochs=1, verbose=0)
    contest_history["loss"].append(passed.history["loss"][0])
    contest_history["val_accuracy"].append(contest.evaluate(x_validation, y_validation, batch_size=500, verbose=0)[1])

# %% write_pseudonym
pseudonym = 7
