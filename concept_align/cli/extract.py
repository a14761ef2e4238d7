def extract() -> None:
    """(being written)"""
