"""What the commands of triggers share: their options."""
