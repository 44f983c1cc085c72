"""Payments: reserved funds, claims (debit notes and invoices), their transactions, and who is told what."""
