"""The checks that payment cards and bank accounts carry in themselves."""

import re
from math import exp, lgamma, log

# Issuers' first digits and the lengths of their numbers (ISO/IEC 7812; the networks' published
# ranges): Visa, Mastercard, American Express, Discover, JCB, Diners Club, UnionPay. Lengths matter:
# an IMEI has 15 digits, begins with 35 and passes Luhn, and is no card.
_ISSUERS = re.compile(
    r"4\d{12}(\d{3}){0,2}|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|(6011|65\d\d|64[4-9]\d)\d{12}|35(2[89]|[3-8]\d)\d{12}|3(0[0-5]|[68]\d)\d{11}|62\d{14,17}"
)
# The lengths of the IBAN registry (SWIFT, release 99).
_IBAN_LENGTHS = {
    **{"NO": 15, "BE": 16, "DK": 18, "FI": 18, "FO": 18, "GL": 18, "NL": 18, "MK": 19, "SI": 19},
    **{"AT": 20, "BA": 20, "EE": 20, "KZ": 20, "LT": 20, "LU": 20, "XK": 20, "CH": 21, "HR": 21},
    **{"LI": 21, "LV": 21, "BG": 22, "BH": 22, "CR": 22, "DE": 22, "GB": 22, "GE": 22, "IE": 22},
    **{"ME": 22, "RS": 22, "VA": 22, "AE": 23, "GI": 23, "IL": 23, "IQ": 23, "TL": 23, "OM": 23},
    **{"AD": 24, "CZ": 24, "ES": 24, "MD": 24, "PK": 24, "RO": 24, "SA": 24, "SE": 24, "SK": 24},
    **{"TN": 24, "VG": 24, "LY": 25, "PT": 25, "ST": 25, "IS": 26, "TR": 26, "FR": 27, "GR": 27},
    **{"IT": 27, "MC": 27, "MR": 27, "SM": 27, "AL": 28, "AZ": 28, "BY": 28, "CY": 28, "DO": 28},
    **{"GT": 28, "HU": 28, "LB": 28, "PL": 28, "SV": 28, "BR": 29, "EG": 29, "PS": 29, "QA": 29},
    **{"UA": 29, "JO": 30, "KW": 30, "MU": 30, "MT": 31, "SC": 31, "LC": 32, "RU": 33},
}


def card(text: str) -> bool | None:
    """Checks a text for a card number.

    Args:
        text: 13 to 19 digits, with single spaces or hyphens or without.

    Returns:
        Whether it passes Luhn's check (ISO/IEC 7812-1, annex B); None where it has not the form of
        any issuer's number. Of random digits one in ten passes.
    """
    digits = text.replace(" ", "").replace("-", "")
    if not _ISSUERS.fullmatch(digits):
        return None
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def iban(text: str) -> bool | None:
    """Checks a text for an IBAN.

    Args:
        text: a country, two digits, and an account's letters and digits, with spaces or without.

    Returns:
        Whether it passes the check (ISO 7064, mod 97-10), what follows a country's length left
        aside; None where it is too short for it or there is no such country. Of random ones 1 in
        97 passes.
    """
    code = text.replace(" ", "")
    code = code[: _IBAN_LENGTHS.get(code[:2], 0)]
    if not code or len(code) != _IBAN_LENGTHS[code[:2]]:
        return None
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def by_chance(passed: int, tried: int, rate: float) -> float:
    """Bounds how likely so many of random codes pass a check.

    Args:
        passed: how many did.
        tried: how many have the right form.
        rate: the share of random ones that passes.

    Returns:
        An upper bound of the binomial's tail, C(tried, passed) * rate^passed, at most 1: the sum
        of the chances of every choice of that many (Boole's inequality).
    """
    choices = lgamma(tried + 1) - lgamma(passed + 1) - lgamma(tried - passed + 1)
    return exp(min(0.0, choices + passed * log(rate)))
