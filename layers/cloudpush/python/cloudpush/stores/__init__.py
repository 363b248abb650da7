"""The connection stores: one contract (`ports.ConnectionStore`), three implementations.

`memory` is the model that tests compare with; `dynamodb` and `redis` are for deployments.
Nothing is imported here, so that a function pays for one vendor's library at most.
"""
