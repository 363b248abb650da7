"""From a command line to what the emulator takes."""

import pytest

from local_gateway.options import WrongInput, parser, read_options


def test_values_from_elsewhere_are_given_by_name() -> None:
    parsed = parser().parse_args(["--import", "host=a=b", "Users.Id=u", "--import", "resolve:x=1"])

    options = read_options(parsed)

    assert options.imports == {"host": "a=b", "Users.Id": "u", "resolve:x": "1"}


@pytest.mark.parametrize("option", ["--import", "--parameter-overrides"])
def test_a_pair_without_a_value_names_its_option(option: str) -> None:
    parsed = parser().parse_args([option, "Name"])

    with pytest.raises(WrongInput, match=f"^{option} takes NAME=VALUE, found 'Name'"):
        read_options(parsed)
