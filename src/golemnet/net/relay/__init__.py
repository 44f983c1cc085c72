"""A relay for nodes that cannot reach each other directly: it speaks the protocol of iroh's relays."""
