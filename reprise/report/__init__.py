"""Results as pages for people: the model card, the report."""
