"""What a study of in-context learning found, in tables, figures and a page."""
