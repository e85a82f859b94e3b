"""What the monitor judges by: pure functions over counts and labelled rows, numpy alone."""
