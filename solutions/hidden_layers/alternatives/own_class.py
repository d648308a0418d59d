"""`one_hidden` as a class of one's own: its architecture cannot be graded, its accuracy and its part of the experiments can."""

OUTCOME = "cell_error"
CLAIMS = ["softmax_accuracy", "one_hidden_accuracy", "two_hidden_accuracy", "dropout_runs"]
LOSES = {"one_hidden_network": 4, "recipe_compiled": 1.33, "comparison": 1}

# %% write_build_one_hidden
class OneHidden(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = keras.layers.Dense(512, activation="relu")
        self.dropout = keras.layers.Dropout(0.2)
        self.digits = keras.layers.Dense(10, activation="softmax")

    def call(self, pixels, training=False):
        return self.digits(self.dropout(self.hidden(pixels), training=training))


def build_one_hidden():
    network = OneHidden()
    network(np.zeros((1, 784), dtype="float32"))
    return network


new_one_hidden = build_one_hidden()
