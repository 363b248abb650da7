"""Coverage-guided fuzzing of one target: `python -m tests.fuzz TARGET [-max_total_time=600 …]`.

What is found is written below `.fuzz/TARGET`, and grows there from run to run; what is committed is
a small corpus to begin from. Options are libFuzzer's.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
DEFAULTS = ("-max_total_time=600", "-timeout=10", "-rss_limit_mb=2048", "-max_len=4096")


def main(arguments: list[str]) -> None:
    """Fuzz until the time is up, or something is found: then exit with libFuzzer's code."""
    names = sorted(folder.name for folder in CORPUS.iterdir())
    if not arguments or arguments[0] not in names:
        sys.exit(f"which target? one of {', '.join(names)}")
    name, *options = arguments
    found = ROOT / ".fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    atheris: Any = importlib.import_module("atheris")
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["cloudpush", "local_gateway", "jwt", "yaml"]):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup(
        [
            sys.argv[0],
            *DEFAULTS,
            *options,
            f"-artifact_prefix={found}/crash-",
            str(found),
            str(CORPUS / name),
        ],
        getattr(targets, f"fuzz_{name}"),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
