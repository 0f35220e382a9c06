"""The search for cascades and routers on stored answers: arrays in, recipes out. Asks nobody anything."""
