"""Words about a person's health, for the columns of which a dataset file asks it.

Not the words that an official vocabulary itself uses, such as an officer's impression of a subject:
members of a column's vocabulary are not scanned.
"""

import re

from orchestration.scanning.writing import Writing

_WORDS = re.compile(
    r"\b(?:HIV|AIDS|HEPATITIS|HEP ?-?[ABC]|TUBERCULOSIS|COVID(?:-?19)?|CORONAVIRUS|STDS?|STIS?"
    r"|SYPHILIS|HERPES|MRSA"
    r"|DIABET\w+|INSULIN|EPILEP\w+|SEIZURES?|ASTHMA\w*|CANCER|CHEMO\w*|TUMOU?RS?|LEUKEMIA"
    r"|DIALYSIS|KIDNEY|LUPUS"
    r"|STROKE|HEART (?:ATTACK|CONDITION|DISEASE|FAILURE|PROBLEMS?)|CARDIAC|PACEMAKER"
    r"|HYPERTENSION|SICKLE CELL"
    r"|SCHIZO\w+|BI-?POLAR|PSYCH\w*|PARANOI\w+|DELUSION\w*|HALLUCINAT\w+|MENTAL(?:LY)?|DEMENTIA"
    r"|ALZHEIMER\w*"
    r"|AUTIS\w+|ADHD|ASPERGER\w*|DOWN'?S SYNDROME|PTSD|DEPRESS(?:ED|ION|IVE)|ANXIETY|SUICID\w+"
    r"|SELF-? ?HARM\w*"
    r"|OVERDOS\w*|OD'?ED|NARCAN|NALOXONE|METHADONE|SUBOXONE|REHAB\w*|ADDICT\w*|WITHDRAWALS?"
    r"|DETOX\w*"
    r"|PREGNAN\w+|MISCARR\w+|ABORTION|IN LABOR|MEDICAT\w+|MEDS|PRESCRI\w+|DIAGNOS\w+|SURGERY"
    r"|SURGICAL|AMPUT\w+"
    r"|DISAB(?:LED|ILITY|ILITIES)|HANDICAP\w*|WHEEL ?CHAIR|PARALY\w+|PARAPLEGIC|QUADRIPLEGIC"
    r"|COLOSTOMY|OXYGEN TANK"
    r"|DEAF|BLIND|HEARING IMPAIRED|VISUALLY IMPAIRED|OPC|PEC|CEC|CORONER'?S (?:COMMITMENT"
    r"|EMERGENCY)"
    r"|ORDER OF PROTECTIVE CUSTODY|EMERGENCY CERTIFICATE|INFECT\w+|CONTAGIOUS|UNMEDICATED|OFF "
    r"(?:HIS|HER|THEIR) MEDS"
    r"|CIRRHOSIS|FRACTUR\w+|CONCUSSION|COMA|TERMINAL(?:LY)? ILL\w*|ILLNESS|SICKNESS"
    r"|BRAIN INJURY|TBI|ALLERG\w+"
    r"|ANOREXI\w+|BULIMI\w+|PROZAC|ZOLOFT|XANAX|HALDOL|SEROQUEL|LITHIUM|RISPERDAL|THORAZINE"
    r"|ADDERALL)\b"
)


def has_health_words(writing: Writing) -> bool:
    """Whether a text speaks of somebody's health."""
    return _WORDS.search(writing.upper) is not None
