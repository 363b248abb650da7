"""Where jobs wait: adapters of the `JobQueue` port."""
