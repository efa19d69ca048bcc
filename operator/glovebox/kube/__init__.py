"""The API server: client, list-and-watch stores of objects, login, and leader election."""
