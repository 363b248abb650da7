"""The files that these tests hold against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local_gateway import document


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


def parse(path: Path) -> dict[str, Any]:
    """Return a template, short tags written out as long functions."""
    return cast("dict[str, Any]", document.parse(path.read_text(), path))


@pytest.fixture(scope="session")
def template(root: Path) -> dict[str, Any]:
    return parse(root / "template.yaml")


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resources by logical id."""
    return template["Resources"]


@pytest.fixture(scope="session")
def cloudformation(root: Path) -> dict[str, Any]:
    """Return the template as CloudFormation gets it: after `sam package` and SAM's transform."""
    sam = parse(root / "template.yaml")
    sam["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    for resource in sam["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://bucket/key"
    session = Session(region_name="us-east-1")
    # Roles are ours, so no name of a managed policy has to be looked up.
    translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=session)
    return translator.translate(sam, parameter_values={})
