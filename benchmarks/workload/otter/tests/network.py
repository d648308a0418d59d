from otter.test_files import test_case

OK_FORMAT = False

name = "network"


@test_case(points=40, hidden=True)
def test_network(model):
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense"]
    assert model.count_params() == 407_050
