"""How well the cleaning does, measured on truth: truth that was planted and truth of people.

Each module has the truth of one kind of suspicion and scores outcomes against it: pure functions, from
plain rows to frozen dataclasses that can be written as JSON. Finding the suspicions is in
`orchestration.cleaning`; running the measurements and writing the page of results is the command's.
"""
