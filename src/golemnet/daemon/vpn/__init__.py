"""Private networks between a requestor and its activities."""
