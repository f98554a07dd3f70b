"""What can be searched: frozen architectures of multi-task networks and the space they come from.

Knows neither torch nor optuna. Everything here is plain data that travels as JSON.
"""
