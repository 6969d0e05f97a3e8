"""Built files: names, archives, RECORD, and comparison by contents."""
