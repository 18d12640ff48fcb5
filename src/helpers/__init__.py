from . import machine as machine  # before torch: it says how OpenMP waits
