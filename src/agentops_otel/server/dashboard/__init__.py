"""The dashboard: HTML made on the server, over the same store and gate as the APIs. No build step, no external request.

`routes` answers, `filters` reads and writes URLs, `pages` renders templates and says what a browser may do with them,
`assets` are the files they need. What is shown of a record is decided by pure modules beside the templates.
"""
