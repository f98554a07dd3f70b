"""One file a task: its loss, its metrics, and how its labels resize, flip and crop."""
