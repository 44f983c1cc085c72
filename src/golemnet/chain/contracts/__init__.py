"""The contracts in Vyper, and what the compiler made of them."""
