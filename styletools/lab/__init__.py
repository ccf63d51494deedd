"""Many runs: kept, planned, compared (lesson 4)."""
