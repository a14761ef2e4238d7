"""Hidden states on disk: whole or not there, and knowing how they were made."""
