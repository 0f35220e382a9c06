"""A small convolutional network for pictures: what it is made of, and how it is trained. Imports torch when used."""
