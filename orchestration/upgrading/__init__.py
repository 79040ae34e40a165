"""Takes over what the last version left: homes, dataset files, suites.

`drafts` makes a domain of what a column was published with, `dataset_file` writes it into the file
and changes nothing else; `suite_file` writes a suite as Great Expectations' own and `suites` notes that
it says the same; `upgrade` does all of it for every dataset.
"""
