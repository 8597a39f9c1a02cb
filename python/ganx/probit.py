"""Quantile function of the standard normal distribution: algorithm AS 241 (Wichura 1988), relative error 1e-16."""

import math

_CENTRE = (
    (3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
     67265.7709270087, 33430.57558358813, 2509.0809287301227),
    (1.0, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
     28729.085735721943, 5226.495278852546),
)  # fmt: skip
_MIDDLE = (
    (1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
     0.2417807251774506, 0.022723844989269184, 0.0007745450142783414),
    (1.0, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
     0.0005475938084995345, 1.0507500716444169e-9),
)  # fmt: skip
_TAIL = (
    (6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
     0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7),
    (1.0, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
     0.000018463183175100548, 1.421511758316446e-7, 2.0442631033899397e-15),
)  # fmt: skip


def probit(p: float) -> float:
    """Quantile of a probability in (0, 1), rounded as ganx rounds it."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        numerator, denominator = _CENTRE
        return (q * _polynomial(numerator, r)) / _polynomial(denominator, r)
    r = math.sqrt(-math.log(p if q < 0 else 1 - p))
    numerator, denominator = _MIDDLE if r <= 5 else _TAIL
    x = r - (1.6 if r <= 5 else 5)
    return math.copysign(_polynomial(numerator, x) / _polynomial(denominator, x), q)


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """Horner's rule, constant term first."""
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
