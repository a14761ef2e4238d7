def demo() -> None:
    """(being written)"""
