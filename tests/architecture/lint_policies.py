"""`make check-policies`: the policies of template.yaml, as AWS gets them, through parliament.

It knows which actions there are and on what kind of resource each may be: a name that is mistyped,
or an ARN of the wrong kind, allows nothing, and nobody is told. The policies are those of each role
for each store, and for secrets in each of the two services that keep them.

Without a VPC: that the statement for its network interfaces, which is AWS's own
AWSLambdaVPCAccessExecutionRole, could be narrowed down is all that parliament has to say of it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from local_gateway import template
from local_gateway.api import Identity

ROOT: Final = Path(__file__).parents[2]
SECRETS: Final = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:name",
    "arn:aws:ssm:us-east-1:123456789012:parameter/name",
)
PARAMETERS: Final = {
    "RedisUrl": "redis://redis.invalid/0",
    "ReceiptUrl": "https://receiver.invalid/",
}


def main() -> int:
    """Print what parliament finds, and return its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        for store, secret in itertools.product(("dynamodb", "redis"), SECRETS):
            write_policies(Path(folder), store, secret)
        command = ["-m", "parliament.cli", "--directory", folder]
        # parliament asks for a module that setuptools warns of.
        return subprocess.run([sys.executable, "-W", "ignore", *command], check=False).returncode


def write_policies(folder: Path, store: str, secret: str) -> None:
    """Write every policy of one deployment into a file of its own."""
    chosen = {"Store": store, "AuthSecretArn": secret, "ReceiptSecret": secret}
    application = template.load(
        ROOT / "template.yaml", parameters={**PARAMETERS, **chosen}, identity=Identity()
    )
    assert application.roles.keys() == application.functions.keys()
    kind = secret.split(":")[2]
    for function, role in application.roles.items():
        for number, document in enumerate(role.policies):
            name = f"{store}-{kind}-{function}-{number}.json"
            (folder / name).write_text(json.dumps(document))


if __name__ == "__main__":
    sys.exit(main())
