"""The pages that are served are those of the sources, and small."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.architecture.bundles import BUNDLES, NOTE, hash_sources

if TYPE_CHECKING:
    from pathlib import Path

AIM_BYTES = 200 * 1024


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.parent.name)
def test_bundle_is_built_from_the_sources(bundle: Path) -> None:
    assert (bundle / NOTE).read_text().strip() == hash_sources(), "run make pages"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.parent.name)
def test_bundle_is_small(bundle: Path) -> None:
    sizes = [len(gzip.compress(each.read_bytes())) for each in bundle.iterdir()]

    assert sum(sizes) < AIM_BYTES


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.parent.name)
def test_bundle_asks_nobody_else(bundle: Path) -> None:
    texts = [each.read_text() for each in bundle.iterdir()]
    found = [word for text in texts for word in text.split('"') if word.startswith("http")]

    # The namespaces of XML, which nobody fetches.
    assert {word for word in found if not word.startswith("http://www.w3.org/")} == set()
