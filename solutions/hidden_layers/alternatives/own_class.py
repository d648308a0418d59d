"""`one_hidden` as a class of one's own: its architecture cannot be graded, its accuracy and its part of the experiments can."""

OUTCOME = "cell_error"
CLAIMS = [
    "prepared_data", "validation_part", "merged_layers", "hidden_by_hand", "exclusive_or", "dropout_by_hand", "network_parameters",
    "softmax_network", "two_hidden_network", "recipe_histories", "softmax_accuracy", "one_hidden_accuracy", "two_hidden_accuracy",
    "accuracy_and_loss", "both_rise", "chance", "dropout_runs", "slim_network", "slim_accuracy",
]  # not: one_hidden_network, recipe_compiled, comparison

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
