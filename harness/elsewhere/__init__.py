"""How work gets to another process and its results back: functions refer to the run's products,
which are made again there, and results and errors become bytes.
"""
