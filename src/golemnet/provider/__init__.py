"""golemnet provider"""
