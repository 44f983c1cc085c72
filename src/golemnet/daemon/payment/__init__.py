"""golemnet daemon/payment"""
