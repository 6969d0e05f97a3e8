"""From built distributions to published ones: gate, judgement, order, upload, receipt."""
