"""Publishing: from what the portal holds to what should be there, and the proof of it.

`planning` computes the difference, `publisher` moves a publication through its states, `transport`
speaks to the portal (`revisions` where rows go as drafts), `targets` says which portal. What may be
published was decided before, by the dataset file and the gates.
"""
