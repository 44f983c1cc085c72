"""golemnet gftp"""
