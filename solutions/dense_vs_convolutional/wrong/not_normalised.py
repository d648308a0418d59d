"""Pixels stay between 0 and 255: values are wrong, and both networks meet images scaled otherwise than they were trained on."""

OUTCOME = "cell_error"
LOSES = {}

# %% write_arrange
def as_rows(images):
    return images.reshape(len(images), -1).astype("float32")


def as_images(images, layout):
    return as_rows(images).reshape(len(images), *image_shape(*images.shape[1:], layout))


layout = keras.config.image_data_format()
x_train_rows, x_test_rows = as_rows(x_train), as_rows(x_test)
x_train_images, x_test_images = as_images(x_train, layout), as_images(x_test, layout)
