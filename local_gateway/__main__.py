"""`python -m local_gateway` is `local-gateway`."""

from local_gateway.cli import main

main()
