"""The nouns, the four doors, and the error tree. Imports nothing of Merits but itself."""
