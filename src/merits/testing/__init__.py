"""Contract suites, fake models and a fake provider: for plug-in authors and for our own tests."""
