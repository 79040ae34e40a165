"""Takes over what the last version left: homes, dataset files, suites.

`drafts` makes a domain of what a column was published with, `dataset_file` writes it into the file
and changes nothing else, `upgrade` does both for every dataset.
"""
