"""The search: studies, fronts, exports, and the command line."""
