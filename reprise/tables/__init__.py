"""Tables: how their files are read, what their columns mean, and how rows become features."""
