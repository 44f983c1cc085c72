"""Images of execution environments: the gvmi format, building them, and the registry that gives them out."""
