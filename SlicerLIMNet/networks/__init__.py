"""Networks: modules that turn tensors into tensors and know no volumes, sessions or screens."""
