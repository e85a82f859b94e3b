"""The monitor's benchmark: what its statistics cost and see, and what its collector bears."""
