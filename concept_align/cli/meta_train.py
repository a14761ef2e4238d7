def meta_train() -> None:
    """(being written)"""
