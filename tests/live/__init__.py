"""The table of assumptions about Google, steps/ASSUMPTIONS.md, as data."""
