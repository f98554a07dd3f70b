"""The commands of the command line, one file each; every ``run`` returns the exit code."""
