def evaluate() -> None:
    """(being written)"""
