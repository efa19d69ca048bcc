"""`glovebox ui`: pages for a browser, with the rights of whoever started it."""
