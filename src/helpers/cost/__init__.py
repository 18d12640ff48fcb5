"""What sparsity costs and buys: bytes and milliseconds, measured."""
