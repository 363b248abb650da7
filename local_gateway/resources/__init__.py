"""From a template's resources to the model: one module for each kind of thing that is emulated.

`functions` come first, for everything else refers to them; then `websocket` and `http` APIs with
their `integrations`; then `queues`, `tables`, and in `triggers` what invokes a function by itself.
"""
