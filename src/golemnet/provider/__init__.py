"""The provider agent: offers what a machine has, serves agreements, bills them."""
