"""golemnet image"""
