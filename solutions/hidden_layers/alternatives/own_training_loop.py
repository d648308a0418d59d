"""A nested model where layers are asked for, and a training loop of one's own where compile is not: every point must come out."""

CLAIMS = "all"

# %% write_build_two_hidden
def hidden_block(inputs):
    return keras.Sequential([keras.Input(shape=(inputs,)), keras.layers.Dense(512, activation="relu"), keras.layers.Dropout(0.2)])


def build_two_hidden():
    pixels = keras.Input(shape=(784,))
    hidden = hidden_block(512)(hidden_block(784)(pixels))
    return keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(hidden))


new_two_hidden = build_two_hidden()

# %% write_slim
import tensorflow as tf

slim = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
optimizer = keras.optimizers.Adam(0.002)
batches = tf.data.Dataset.from_tensor_slices((x_fit, y_fit)).shuffle(len(x_fit), seed=seed).batch(64)


@tf.function
def step(images, digits):
    with tf.GradientTape() as tape:
        probabilities = slim(images, training=True)
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(digits, probabilities))
    gradients = tape.gradient(loss, slim.trainable_variables)
    optimizer.apply_gradients(zip(gradients, slim.trainable_variables))
    return loss


for epoch in range(min(12, epoch_limit)):
    losses = [float(step(images, digits)) for images, digits in batches]
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")
