import pytest

from Testing.unit.cli.limnet_calls import CENTRE, Calls


@pytest.fixture
def limnet(tmp_path, capsys, ball):
    """Calls in a folder with a bright ball and one click on it."""
    calls = Calls(tmp_path, capsys)
    calls.write_image("ball.nrrd", ball.array)
    return calls.write_clicks([CENTRE])
