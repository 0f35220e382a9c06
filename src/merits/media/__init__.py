"""Pictures and sounds: which file an input names, and what is in it. Knows nothing about models or tasks."""
