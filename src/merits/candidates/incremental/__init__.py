"""Models that go on learning while they answer, one labelled example at a time."""
