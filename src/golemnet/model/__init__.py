"""Values of the network: documents, properties, constraints, prices, scripts. No I/O, no clocks."""
