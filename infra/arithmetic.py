"""Integer arithmetic that several packages need."""


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide and round up.

    Parameters
    ----------
    dividend : int
    divisor : int
        Not zero.

    Returns
    -------
    int
        The smallest integer that is not below the quotient.

    Examples
    --------
    >>> ceil_div(7, 3)
    3
    """
    return -(-dividend // divisor)
