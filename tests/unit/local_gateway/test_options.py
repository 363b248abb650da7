"""From a command line to what the emulator takes."""

import sys
from pathlib import Path

import pytest

from local_gateway.authorization.signature import Credentials
from local_gateway.options import WrongInput, parser, read_options


def test_values_from_elsewhere_are_given_by_name() -> None:
    parsed = parser().parse_args(["--import", "host=a=b", "Users.Id=u", "--import", "resolve:x=1"])

    options = read_options(parsed)

    assert options.imports == {"host": "a=b", "Users.Id": "u", "resolve:x": "1"}


def test_the_developers_own_credentials_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)

    options = read_options(parser().parse_args(["--strict-auth"]))

    assert options.strict_auth
    assert options.credentials == (Credentials("AKIDEXAMPLE", "secret"),)


def test_without_credentials_only_the_functions_own_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

    options = read_options(parser().parse_args([]))

    assert not options.strict_auth
    assert options.credentials == ()


@pytest.mark.parametrize("option", ["--import", "--parameter-overrides"])
def test_a_pair_without_a_value_names_its_option(option: str) -> None:
    parsed = parser().parse_args([option, "Name"])

    with pytest.raises(WrongInput, match=f"^{option} takes NAME=VALUE, found 'Name'"):
        read_options(parsed)


def test_an_interpreter_is_given_by_its_version() -> None:
    series = f"{sys.version_info.major}.{sys.version_info.minor}"
    parsed = parser().parse_args(["--python", f"{series}={sys.executable}"])

    options = read_options(parsed)

    assert {name: one.path for name, one in options.pythons.items()} == {
        series: Path(sys.executable)
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("python3", "takes a version and a path, 3.12=PATH, found 'python3'"),
        ("3.12=", "takes a version and a path, 3.12=PATH, found '3.12='"),
        ("three=/usr/bin/python3", "takes a version and a path"),
        ("3.12=/nowhere/python", "3.12=/nowhere/python: /nowhere/python does not run: No such"),
    ],
)
def test_an_interpreter_that_is_of_no_use_is_said(given: str, problem: str) -> None:
    parsed = parser().parse_args(["--python", given])

    with pytest.raises(WrongInput) as caught:
        read_options(parsed)

    assert str(caught.value).startswith(f"--python {problem}")


def test_origins_are_given_as_browsers_write_them() -> None:
    parsed = parser().parse_args(
        ["--allow-origin", "https://app.example:8443", "--allow-origin", "null"]
    )

    assert read_options(parsed).allowed_origins == {"https://app.example:8443", "null"}


@pytest.mark.parametrize("text", ["app.example", "https://app.example/", "*", "https://"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(WrongInput, match=r"^--allow-origin takes an origin, such as https://"):
        read_options(parser().parse_args(["--allow-origin", text]))


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("--port", "a port: 0 to 65535"),
        ("--idle-timeout", "a number of seconds above 0"),
        ("--connect-rate", "a rate: 0 (unlimited) or more"),
        ("--max-concurrency", "a count: 1 or more"),
    ],
)
@pytest.mark.parametrize("text", ["many", "-1"])
def test_what_is_no_such_number_is_told_in_words(
    option: str, wanted: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"{option}={text}"])

    told = capsys.readouterr().err.splitlines()[-1]
    assert told == f"local-gateway: error: argument {option}: {text} is not {wanted}"
