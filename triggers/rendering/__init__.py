"""From packages and functions to triggers: YAML, Terraform, drawings."""
