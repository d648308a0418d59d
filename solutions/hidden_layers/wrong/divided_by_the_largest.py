"""Pixels are divided by the largest value at hand, labels get as many columns as they need: right for these data, wrong for others."""

LOSES = {"prepared_data": 2}

# %% write_prepare
def prepare(images, labels):
    pixels = images.reshape(len(images), -1).astype("float32") / images.max()
    return pixels, keras.utils.to_categorical(labels)


x_train_ready, y_train_ready = prepare(x_train, y_train)
x_test_ready, y_test_ready = prepare(x_test, y_test)
