"""Cloud Build's own formats: messages, rules, substitutions, globs, patterns, YAML with lines."""
