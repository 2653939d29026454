"""Projects that stand on this Reprise: how one is started, and how it is brought to a newer Reprise."""
