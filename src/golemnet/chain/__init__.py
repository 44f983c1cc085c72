"""An Ethereum chain: contracts, JSON-RPC, transactions that survive a crash, and a chain of one's own."""
