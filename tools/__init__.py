"""What only authors and CI run."""
