"""Coverage-guided fuzzing of one target: `python -m tests.fuzz TARGET [-max_total_time=600 …]`.

What is found is written below `.fuzz/TARGET`, and grows there from run to run; what is committed is
a small corpus to begin from. Options are libFuzzer's. `-merge=1` fuzzes nothing: it adds to the
committed corpus what was found and reaches code that nothing there reaches.
"""

from __future__ import annotations

import functools
import importlib
import logging
import shlex
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
MERGE = "-merge=1"
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
    _cache_what_no_input_changes()
    folders = [found, CORPUS / name]  # the first one grows
    if MERGE in options:
        folders.reverse()
    atheris.Setup(
        [
            # To merge, libFuzzer runs this in a shell for each part, with its options behind it.
            f"{shlex.quote(sys.executable)} -m tests.fuzz {name}",
            *DEFAULTS,
            *options,
            f"-artifact_prefix={found}/crash-",
            *map(str, folders),
        ],
        getattr(targets, f"fuzz_{name}"),
    )
    atheris.Fuzz()


def _cache_what_no_input_changes() -> None:
    """Have SAM's own policy templates validated once: its translator does so for each template."""
    translator: Any = importlib.import_module("samtranslator.translator.translator")
    name = "make_policy_template_for_function_plugin"
    setattr(translator, name, functools.cache(getattr(translator, name)))


if __name__ == "__main__":
    main(sys.argv[1:])
