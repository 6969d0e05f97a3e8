"""What may be wrong on a machine that speaks to a registry: what was seen, and the judgements."""
