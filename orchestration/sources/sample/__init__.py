"""Sample extracts: invented rows in the shape of the city's files, with known dirt and the truth.

What belongs here: a generic engine and one specification per dataset (``<dataset id>.yaml``: its
columns, how each is made up, what is then damaged and how often, with the measured figure beside
each rate). What does not: anything that cleans. The generator shares no code with the rest of
Summerware, so that a mistake in a cleaning rule cannot hide in the test data for that rule.

The names of streets, call types and districts are real words; every number (item, ticket, file,
house, plate, telephone) is invented, from ranges that the city has not issued.
"""

from orchestration.sources.sample.conditions import SpecError
from orchestration.sources.sample.generator import available, generate

__all__ = ["SpecError", "available", "generate"]
