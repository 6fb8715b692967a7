"""Telephone numbers in one form: E.164, as in `+27215550123`."""

import phonenumbers

from capstan.values.refused import Refused


def normalise_phone(text: str, country: str) -> str:
    """The number in E.164. One written without a country code belongs to `country` (ISO 3166, two letters).

    The length must fit the country's plan; whether a range is in use isn't asked, since plans grow faster
    than the library's tables and a code sent to the number proves it anyway.

    Raises Refused, worded for the person who typed it.
    """
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise Refused(f"{text!r} is not a telephone number: write it like +27 21 555 0123") from error
    if number.extension:
        raise Refused(f"{text!r} has an extension, which can't be dialled or sent an SMS")
    if not phonenumbers.is_possible_number(number):
        raise Refused(f"{text!r} has too few or too many digits for a number in +{number.country_code}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def takes_sms(number: str) -> bool:
    """Whether this E.164 number can be a mobile one: a fixed line gets no SMS. A range that isn't known is believed."""
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    return kind not in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.TOLL_FREE)
