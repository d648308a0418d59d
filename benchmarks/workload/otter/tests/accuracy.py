from otter.test_files import test_case

OK_FORMAT = False

name = "accuracy"


@test_case(points=60, hidden=True)
def test_accuracy(model):
    import numpy as np

    hidden = np.load("hidden.npz")
    predicted = model.predict(hidden["x"].reshape(-1, 784).astype("float32") / 255, verbose=0).argmax(axis=1)
    assert (predicted == hidden["y"]).mean() >= 0.8
