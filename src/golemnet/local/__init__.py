"""golemnet local"""
