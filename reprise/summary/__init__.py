"""The results of all pipelines as Markdown, beside those of another commit: for a pull request."""
