"""Keras is set to channels_first: pictures, networks and predictions follow, and every point must come out."""

CLAIMS = "all"

# %% write_image_shape
keras.config.set_image_data_format("channels_first")


def image_shape(height, width, layout):
    return {"channels_first": (1, height, width), "channels_last": (height, width, 1)}[layout]
