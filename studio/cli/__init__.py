"""What the command line's commands do, each behind its own import so that `studio --help` stays quick."""
