"""What scripts need often."""
