"""Pixels stay between 0 and 255: the values are wrong, and the network meets images scaled otherwise than it was trained on."""

DEMO = True
OUTCOME = "cell_error"
LOSES = {"prepared_images": 3, "prepare_other_images": 4, "accuracy": 10, "probabilities": 2}

# %% write_prepare_images
def prepare_images(images):
    return images.reshape(len(images), -1).astype("float32")


x_train_ready = prepare_images(x_train)
x_test_ready = prepare_images(x_test)
