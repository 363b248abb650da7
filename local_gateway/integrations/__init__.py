"""The kinds of integrations, each a `Target`."""
