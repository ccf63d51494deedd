"""Many runs, of which no answer needs anything."""
