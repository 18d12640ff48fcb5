"""The lab: runs, sweeps, the run store, workers, export, and the command line."""
