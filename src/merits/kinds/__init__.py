"""The kinds of task that come with Merits, a file each: declarations, no code that runs."""
