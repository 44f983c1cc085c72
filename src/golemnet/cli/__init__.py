"""golemnet cli"""
