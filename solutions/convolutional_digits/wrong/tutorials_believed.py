"""Mistakes are left as they were found: axes moved by reshape, the single neuron, dropout in predictions, images rolled, and a threshold
for which the chance in the images is forgotten.
"""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"image_layout": 2, "single_output": 2, "dropout_acts": 1, "fair_threshold": 2, "shifted_images": 2}

# %% write_arrange
def arrange(images, data_format):
    channels = images.shape[3] if images.ndim == 4 else 1
    if data_format == "channels_first":
        images = images.reshape(len(images), channels, images.shape[1], images.shape[2])
    else:
        images = images.reshape(len(images), images.shape[1], images.shape[2], channels)
    return images.astype("float32") / 255


x_train_ready = arrange(x_train, keras.config.image_data_format())
x_test_ready = arrange(x_test, keras.config.image_data_format())

# %% write_single
single = 7.0

# %% write_differences
def difference(network, images, training):
    one, other = (keras.ops.convert_to_numpy(network(images, training=True)) for _ in range(2))
    return float(np.abs(one - other).max())

# %% write_thresholds
def missed(accuracies, threshold):
    return sum(accuracy < threshold for accuracy in accuracies) / len(accuracies)


def fair_threshold(accuracies, images):
    return np.mean(accuracies) - 3 * np.std(accuracies, ddof=1)

# %% write_shift
def shift(images, down, right):
    return np.roll(images, (down, right), axis=(1, 2))

# %% write_pseudonym
pseudonym = "Rolling Stone"
