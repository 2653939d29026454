"""The search for better parameters: what `reprise tune` does."""
