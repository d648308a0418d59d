"""The last network is a class of its own, of which only the answers can be graded: every point must come out all the same."""

CLAIMS = "all"

# %% train_best
class Reader(keras.Model):
    def __init__(self, width=256, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.first = keras.layers.Dense(width, activation="relu")
        self.second = keras.layers.Dense(width, activation="relu")
        self.digits = keras.layers.Dense(10, activation="softmax")

    def call(self, pixels):
        return self.digits(self.second(self.first(pixels)))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


keras.utils.set_random_seed(seed)
best = Reader()
best_history = train(best, "adam", min(20, epoch_limit), batch_size=64)
