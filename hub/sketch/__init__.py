"""Write the first entry of a source from a sample of what it gives: a guess for a person to correct."""
