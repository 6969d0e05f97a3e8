"""Asks Google Cloud itself what the table of assumptions says; no test and no CI does."""
