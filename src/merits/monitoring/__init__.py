"""Is it still true? Reads live outcomes, and says when the decision is no longer right."""
