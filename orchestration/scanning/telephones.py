"""Telephone numbers and mail addresses, as people write them and as they hide them."""

import re

from orchestration.scanning.writing import Writing

_SEP = r"[-. /()*_,:=~'\\\u00b7]{0,3}"
# Three, three and four digits: in any writing, and also where an area code does not exist.
_TEN = re.compile(
    rf"(?<![0-9])(?:\+?1{_SEP})?\(?[0-9]{{3}}{_SEP}[0-9]{{3}}{_SEP}[0-9]{{2}}{_SEP}[0-9]{{2}}"
    rf"(?![0-9])"
)
_TEN_AS_ONE_BY_ONE = re.compile(r"(?<![0-9])(?:[0-9][-. ]){9,10}[0-9](?![0-9])")
_INTERNATIONAL = re.compile(
    r"(?:\+ ?|(?<![0-9A-Z.])(?:011|00)[-. ]?)[1-9][0-9]{0,2}(?:[-. ()/]{0,2}[0-9]){6,12}(?![0-9])"
)
# A chapter of the municipal code never begins with 2 to 9 and has three digits.
_LOCAL = re.compile(r"(?<![0-9A-Z.:/$-])(?:1-)?[2-9][0-9]{2}[-.][0-9]{4}(?![0-9A-Z-]|[.:][0-9])")
_SAYS = (
    r"\b(?:PHONE|PHN|PH|TELEPHONE|TEL|CELL|CELLPHONE|CELLULAR|MOBILE|MOB|FAX|CALL|CALLED|CALLS"
    r"|CALLBACK|"
    r"CB|CONTACT|REACH|REACHED|TEXT|TXT|WHATSAPP|DIAL|LANDLINE|PAGER)\b"
)
_AFTER_WORD = re.compile(
    _SAYS + r"[^0-9|;]{0,16}?(?<![0-9A-Z])\+?\(?[0-9](?:[-. /()*_]{0,3}[0-9]){6,14}(?![0-9A-Z])"
)
_BEFORE_WORD = re.compile(
    r"(?<![0-9A-Z:.-])[0-9]{3}[-. ]?[0-9]{4} ?\(?(?:CELL|PHONE|MOBILE|HOME|WORK|TEL)\b"
)


def has_telephone(writing: Writing) -> bool:
    """Whether a text holds a telephone number."""
    if writing.digits < 7:
        return False
    text = writing.numbers
    return any(
        form.search(text)
        for form in (_TEN, _LOCAL, _AFTER_WORD, _INTERNATIONAL, _TEN_AS_ONE_BY_ONE, _BEFORE_WORD)
    )


_ENDS = r"(?:COM|NET|ORG|EDU|GOV|MIL|US|INFO|BIZ|IO|CO|ME|TV|LA)"
_DOT = r"(?: ?\. ?| ?[\[({<_-]? ?DOT ?[\])}>_-]? ?)"
_MAY_BE_MAIL = re.compile(
    r"@|[^A-Z0-9]AT[^A-Z0-9]|\.(?:COM|NET|ORG|EDU)|[\[(]A[\])]|GMAIL|YAHOO|HOTMAIL|ICLOUD|PROTON|YMAIL|BELLSOUTH"
)
_MAIL = tuple(
    re.compile(form)
    for form in (
        # Whatever stands close to the sign: `someone@example` is half of one.
        r"[A-Z0-9][\"'_.+-]?@[A-Z0-9\[]",
        rf"[A-Z0-9._%+-] ?@ ?[A-Z0-9.-]+{_DOT}{_ENDS}\b",
        r"[A-Z0-9] ?[\[({<*] ?(?:AT|@) ?[\])}>*] ?[A-Z0-9]",
        rf"[A-Z0-9][ _-]AT[ _-][A-Z0-9.-]+{_DOT}{_ENDS}\b",
        rf"[A-Z0-9] -AT- [A-Z0-9]|[A-Z0-9] ?[\[(]A[\])] ?[A-Z0-9.-]+{_DOT}{_ENDS}\b",
        # A host is no mail address yet, and no report has a reason to name one.
        r"[A-Z0-9-]{3,}\.(?:COM|NET|ORG|EDU)\b",
        r"\b(?:GMAIL|YAHOO|HOTMAIL|ICLOUD|PROTONMAIL|YMAIL|BELLSOUTH\.NET)\b",
    )
)


def has_mail_address(writing: Writing) -> bool:
    """Whether a text holds a mail address."""
    return _MAY_BE_MAIL.search(writing.upper) is not None and any(
        form.search(writing.upper) for form in _MAIL
    )
