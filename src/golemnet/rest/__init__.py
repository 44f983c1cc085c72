"""golemnet rest"""
