"""Cloud Build's own formats: messages, rules, substitutions, conditions, YAML with lines."""
