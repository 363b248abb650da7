"""How receipts reach their sender: adapters of the `Receiver` port."""
