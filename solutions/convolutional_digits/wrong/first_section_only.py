"""Nothing but section 1, and each of its formulas with a typical mistake: off by one, no bias, one pixel instead of the largest, rounding up."""

START = "release"
OUTCOME = "cell_error"
LOSES = {
    "conv_output_size": 2,
    "conv_parameters": 3,
    "max_pooling": 4,
    "mean_pooling": 1,
    "image_layout": 4,
    "prepared_images": 3,
    "simple_network": 4,
    "single_output": 2,
    "regularised_network": 3,
    "variants": 3,
    "two_convolutions": 3,
    "best_network": 4,
    "compiled_as_asked": 3,
    "histories": 3,
    "curves": 4,
    "dropout_acts": 2,
    "comparison": 3,
    "ranking": 1,
    "choice": 4,
    "optimism": 3,
    "candidates": 1,
    "honest_misses": 1,
    "fair_threshold": 3,
    "mistakes_found": 3,
    "mistakes_counted": 2,
    "mistakes_shown": 1,
    "shifted_images": 3,
    "accuracy": 10,
    "contest_points": 4,
}

# %% write_conv_output_size
def conv_output_size(n, k):
    return n - k

# %% write_conv_parameters
def conv_parameters(k, channels, filters):
    return k * k * channels * filters

# %% write_pooling
def max_pool(image):
    return image[1::2, 1::2]


def mean_pool(image):
    height, width = -(-image.shape[0] // 2), -(-image.shape[1] // 2)
    return np.array([[image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for c in range(width)] for r in range(height)])
