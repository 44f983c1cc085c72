"""golemnet exeunit"""
