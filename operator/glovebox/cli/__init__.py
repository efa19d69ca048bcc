"""The command line. It talks to the API server and the store as any user does."""
