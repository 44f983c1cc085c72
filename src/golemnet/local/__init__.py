"""The local network: chain, registry, requestor and providers on one machine, each a process of its own."""
