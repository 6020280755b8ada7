"""The policy language and the values that cross borders under it. Nothing here opens a socket, a database or a page."""
