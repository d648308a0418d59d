"""Channels are put last without asking the layout: right on this machine, wrong for channels_first."""

OUTCOME = "cell_error"
LOSES = {"image_shape": 2, "other_images": 2}

# %% write_image_shape
def image_shape(height, width, layout):
    return (height, width, 1)
