"""The Data Management API, as far as `socrata-py` needs it: drafts that are checked, then applied.

Protocol 3. A revision is a draft of a change to one dataset; a source in it gets a file; its schemas
say what columns become; applying does all of it in one transaction. Files are CSV or TSV: sources
from URLs, agents, other views and spreadsheets are refused, as are configurations and restoring.

`documents` keeps drafts, `sheets` reads files, `transforms` computes columns (`logic` their conditions),
`schemas` checks them, `applying` changes the dataset, `links` says what clients follow, `routes` speaks
HTTP.
"""

from orchestration.portal.dsmapi.links import BASE
from orchestration.portal.dsmapi.routes import routes

__all__ = ["BASE", "routes"]
